// Passkeys. Forms with them are hidden until this script knows that the browser can use them.
'use strict'

{
  const octets = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0))
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer || []))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  const listed = (ids = []) => ids.map(({ id, type }) => ({ type, id: octets(id) }))

  /** What the server asks the authenticator, in the form in which the browser wants it. */
  async function question(form) {
    const sent = new URLSearchParams({ once: form.dataset.askOnce, half: form.elements.half ? form.elements.half.value : '' })
    const answer = await fetch(form.dataset.ask, { method: 'POST', credentials: 'same-origin', body: sent })
    const told = await answer.json()
    if (told.to) location.assign(told.to)
    if (!answer.ok) throw new Error(told.text)
    const asked = { ...told, challenge: octets(told.challenge) }
    if (told.user) asked.user = { ...told.user, id: octets(told.user.id) }
    if (told.excludeCredentials) asked.excludeCredentials = listed(told.excludeCredentials)
    if (told.allowCredentials) asked.allowCredentials = listed(told.allowCredentials)
    return asked
  }

  async function fill(form) {
    const publicKey = await question(form)
    const { rawId, response } = await navigator.credentials[form.dataset.passkey]({ publicKey })
    const values = { client: response.clientDataJSON }
    if (response.attestationObject) values.attestation = response.attestationObject
    else Object.assign(values, { credential: rawId, authenticator: response.authenticatorData, signature: response.signature, user: response.userHandle })
    for (const [name, value] of Object.entries(values)) form.elements[name].value = text(value)
  }

  function why(error, place) {
    if (error.name === 'InvalidStateError') return place.dataset.known
    if (['NotAllowedError', 'AbortError'].includes(error.name)) return place.dataset.cancelled
    return error.constructor === Error && error.message ? error.message : place.dataset.failed
  }

  const canUse = Boolean(globalThis.PublicKeyCredential && navigator.credentials)
  for (const part of document.querySelectorAll('[data-with-passkeys]')) part.hidden = !canUse
  for (const part of document.querySelectorAll('[data-without-passkeys]')) {
    part.hidden = canUse && document.querySelector('[data-with-passkeys]') !== null
  }
  for (const form of document.querySelectorAll('[data-passkey]')) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault()
      if (form.dataset.sent) return
      const place = form.querySelector('[data-problem]')
      place.hidden = true
      try {
        await fill(form)
        form.submit()
      } catch (error) {
        place.textContent = why(error, place) || place.dataset.failed
        place.hidden = false
        delete form.dataset.sent
      }
    })
  }
}
