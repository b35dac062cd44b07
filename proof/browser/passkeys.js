// Passkeys in a real browser, with Chromium's own authenticator of software: added, used and removed.

import assert from 'node:assert/strict'
import { PASSWORD, facts, signUp } from './wallet.js'

/** Gives a page a device that verifies who uses it, until it is told not to. */
async function device(page) {
  const client = await page.context().newCDPSession(page)
  await client.send('WebAuthn.enable')
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  const { authenticatorId } = await client.send('WebAuthn.addVirtualAuthenticator', { options })
  const verifies = (isUserVerified) => client.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  const kept = async () => (await client.send('WebAuthn.getCredentials', { authenticatorId })).credentials
  const forget = () => client.send('WebAuthn.clearCredentials', { authenticatorId })
  return { verifies, kept, forget }
}

async function signOut(page) {
  await page.locator('.out button').click()
  await page.waitForURL('**/sign-in?said=signed-out')
}

const withPasskey = (page) => page.locator('form[data-passkey] .button')

/** The whole story, on a screen of this width. `each(name, page)` is called on every page. */
export async function passkeys(browser, wallets, { width, height = 800, colorScheme, locale, slug }, each) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale })
  const page = await context.newPage()
  const shot = (name) => each(name, page)
  const address = facts(wallets.data, 'cloud-nine').walletUrl
  const { verifies, kept, forget } = await device(page)
  await signUp(page, address, 'Pia Neu', slug)

  await page.goto(`${address}settings/passkeys`)
  await shot('passkeys-none')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/prove?*')
  assert.equal(await withPasskey(page).count(), 0, 'there is none to prove with')
  await page.locator('#proof').fill(PASSWORD)
  await page.locator('main .button.main').click()
  await page.waitForURL('**/settings/passkeys')
  assert.ok(await page.locator('[data-without-passkeys]').isHidden())
  await page.locator('#name').fill('My phone')
  await shot('passkeys-add')
  await page.locator('form[data-passkey] .button.main').dblclick()
  await page.locator('.codes li').first().waitFor()
  assert.equal(await page.locator('.codes li').count(), 10)
  await page.locator('main a.button.main').click()
  await page.waitForURL('**/settings/passkeys')
  await page.locator('summary').click()
  await shot('passkeys-list')
  const [credential] = await kept()
  assert.deepEqual([credential.rpId, credential.isResidentCredential], ['localhost', true])

  // The device has a passkey already, so it makes no second one.
  await page.locator('form[data-passkey="create"] .button.main').click()
  await page.locator('[data-problem]:not([hidden])').waitFor()
  await shot('passkeys-known')
  assert.equal((await kept()).length, 1)

  await signOut(page)
  await shot('passkeys-sign-in')
  await verifies(false)
  await withPasskey(page).click()
  await page.locator('[data-problem]:not([hidden])').waitFor()
  await shot('passkeys-cancelled')
  await verifies(true)
  await withPasskey(page).click()
  await page.waitForURL((url) => url.pathname === '/')

  // After the password the passkey is asked for.
  await signOut(page)
  await page.locator('#email').fill(`${slug}@example.com`)
  await page.locator('#password').fill(PASSWORD)
  await page.locator('main .button.main').first().click()
  await page.locator('input[name=half]').first().waitFor({ state: 'attached' })
  await shot('passkeys-half')
  await withPasskey(page).click()
  await page.waitForURL((url) => url.pathname === '/')

  await page.goto(`${address}prove?next=%2Fsettings%2Fpasskeys`)
  await shot('passkeys-prove')
  await withPasskey(page).click()
  await page.waitForURL('**/settings/passkeys')
  await page.goto(`${address}settings/second-factor`)
  await shot('passkeys-factor')
  await page.goto(`${address}settings/passkeys`)
  await page.locator('summary').click()
  await page.locator('.button.stop').click()
  await page.waitForURL('**?said=passkey-gone')

  // The device still has it, but the wallet does not know it any more, and the password is enough again.
  await signOut(page)
  await withPasskey(page).click()
  await page.waitForURL('**/sign-in/passkey')
  await page.locator('.problem:not([hidden])').waitFor()
  await shot('passkeys-unknown')
  await forget()
  await page.goto(`${address}sign-in`)
  await page.locator('#email').fill(`${slug}@example.com`)
  await page.locator('#password').fill(PASSWORD)
  await page.locator('main .button.main').first().click()
  await page.waitForURL((url) => url.pathname === '/')
  await context.close()

  // A browser without passkeys, and one without scripts, offers the other ways only.
  for (const options of [{ javaScriptEnabled: false }, {}]) {
    const plain = await browser.newContext({ viewport: { width, height }, locale, ...options })
    if (!('javaScriptEnabled' in options)) await plain.addInitScript(() => { delete globalThis.PublicKeyCredential })
    const other = await plain.newPage()
    await other.goto(`${address}sign-in`)
    assert.ok(await withPasskey(other).isHidden())
    assert.ok(await other.locator('#password').isVisible())
    await plain.close()
  }
}
