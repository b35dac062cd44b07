// The wallet works without this script. It copies addresses, sends a form once, and follows what is under way.
'use strict'

document.addEventListener('click', (event) => {
  const copy = event.target.closest('[data-copy]')
  if (copy && navigator.clipboard) {
    const before = copy.textContent
    navigator.clipboard.writeText(copy.dataset.copy).then(() => {
      copy.textContent = copy.dataset.done
      setTimeout(() => { copy.textContent = before }, 2000)
    }, () => {})
  }
  if (event.target.closest('[data-print]')) print()
})

// A second click while the first is under way does nothing. The server counts a form once in any case.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) { event.preventDefault(); return }
  event.target.dataset.sent = 'yes'
})
addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset.sent
})

for (const button of document.querySelectorAll('[data-print]')) button.hidden = false

// Only the content is replaced, and only if it changed, so nothing moves under the hand.
async function follow() {
  let pause = Number(document.body.dataset.again) * 1000
  while (pause && document.body.dataset.again) {
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? pause * 5 : pause))
    try {
      const answer = await fetch(location.href, { credentials: 'same-origin' })
      if (answer.redirected) { location.replace(answer.url); return }
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const [old, fresh] = [document.querySelector('main'), next.querySelector('main')]
      if (old && fresh && old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML
      for (const button of document.querySelectorAll('[data-print]')) button.hidden = false
      if (!next.body.dataset.again) delete document.body.dataset.again
    } catch { pause = Math.min(pause * 2, 30000) }
  }
}
follow()

// A pair of keys is made here. The private half has no name, so the form does not send it.
const pem = (octets) => `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...new Uint8Array(octets)))}\n-----END PRIVATE KEY-----\n`
const pair = document.querySelector('[data-key-pair]')
const make = pair && pair.querySelector('[data-make-key]')
if (make && globalThis.crypto && crypto.subtle) {
  make.hidden = false
  make.addEventListener('click', async () => {
    try {
      const { publicKey, privateKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
      const { x } = await crypto.subtle.exportKey('jwk', publicKey)
      if (!pair.elements.name.value) pair.elements.name.value = crypto.randomUUID()
      pair.elements.key.value = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', x })
      pair.querySelector('#private').value = pem(await crypto.subtle.exportKey('pkcs8', privateKey))
      pair.querySelector('[data-private]').hidden = false
    } catch { make.hidden = true }
  })
}
