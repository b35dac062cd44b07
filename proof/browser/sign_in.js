// Signing in to the console at a real OpenID Connect provider: the npm package oidc-provider.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { startPages } from './console.js'

/** Starts a provider, and the console with it. Anybody may sign in there; the name decides the groups. */
async function startBoth() {
  let answer
  const server = createServer((request, response) => answer(request, response))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${server.address().port}`
  const { address, stop } = await startPages([issuer])
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'console', client_secret: 'a secret', redirect_uris: [`${address}/sign-in/callback`] }],
    claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    pkce: { required: () => true },
    cookies: { keys: ['a key of this test'] },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: sub, groups: sub === 'nobody' ? [] : ['operators'] })
    })
  })
  answer = provider.callback()
  return { address, stop: () => { stop(); server.close() } }
}

async function signIn(browser, address, name) {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${address}/sign-in?next=/approvals`)
  await page.keyboard.press('Tab')
  while (!(await page.evaluate(() => document.activeElement.textContent.includes('own account')))) {
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await page.locator('input[name=login]').fill(name)
  await page.locator('input[name=password]').fill('any')
  await page.locator('button[type=submit]').click()
  await page.locator('button[type=submit]').click()
  await page.waitForURL((url) => url.href.startsWith(address))
  return page
}

/** Two people sign in, one asks for a large deposit, the other approves it by keyboard. */
export async function twoPeople(browser, deposit) {
  const { address, stop } = await startBoth()
  try {
    const nobody = await signIn(browser, address, 'nobody')
    assert.match(await nobody.locator('main').textContent(), /you have no right here/)

    const ann = await signIn(browser, address, 'ann')
    assert.equal(new URL(ann.url()).pathname, '/approvals')
    await ann.goto(address + deposit)
    await ann.locator('input[name=amount]').fill('5000')
    await ann.keyboard.press('Enter')
    await ann.waitForURL('**/approvals/*')
    assert.match(await ann.locator('main').textContent(), /Take it back/)

    const bob = await signIn(browser, address, 'bob')
    await bob.goto(ann.url())
    assert.match(await bob.locator('.sum').textContent(), /5,000\.00/)
    while (!(await bob.evaluate(() => document.activeElement.textContent === 'Approve and send'))) {
      await bob.keyboard.press('Tab')
    }
    await bob.keyboard.press('Enter')
    await bob.waitForLoadState()
    await bob.locator('.flash').waitFor()
    assert.match(await bob.locator('.flash').textContent(), /approved and sent/)
  } finally {
    stop()
  }
}
