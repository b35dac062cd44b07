// The wallets in a real browser: a person signs up, is paid, sends money to another institution, and decides about an application.

import assert from 'node:assert/strict'
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start } from './console.js'

const PASSWORD = 'a rainy day in march'

/** Starts both institutions, each with its wallet, on ports from `base`. */
export async function startWallets(base = 23400) {
  const data = mkdtempSync(join(tmpdir(), 'wallets-'))
  const run = ['run', '--quiet', '-p', 'rafiki', '--', 'dev', '--ports', String(base), '--data-dir', data]
  const { stop } = await start('cargo', run, (line) => line.trim() === 'ready')
  return { base, data, stop }
}

/** The facts about an institution that the playground writes down. */
function facts(data, slug) {
  return JSON.parse(readFileSync(join(data, `dev-${slug}.json`), 'utf8'))
}

/** A request of an application, signed by its key (RFC 9421) in the form of Open Payments. */
async function signed(method, url, { body, token, keyId, key }) {
  const headers = {}
  const covered = ['@method', '@target-uri']
  const lines = [`"@method": ${method}`, `"@target-uri": ${url}`]
  const add = (name, value) => { headers[name] = value; covered.push(name); lines.push(`"${name}": ${value}`) }
  const text = body === undefined ? undefined : JSON.stringify(body)
  if (token) add('authorization', `GNAP ${token}`)
  if (text !== undefined) {
    add('content-digest', `sha-512=:${createHash('sha512').update(text).digest('base64')}:`)
    add('content-length', String(Buffer.byteLength(text)))
    add('content-type', 'application/json')
  }
  const names = covered.map((name) => `"${name}"`).join(' ')
  const parameters = `(${names});created=${Math.floor(Date.now() / 1000)};keyid="${keyId}"`
  const signature = sign(null, Buffer.from([...lines, `"@signature-params": ${parameters}`].join('\n')), key)
  headers['signature-input'] = `sig1=${parameters}`
  headers.signature = `sig1=:${signature.toString('base64')}:`
  const answer = await fetch(url, { method, headers, body: text })
  const content = await answer.text()
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${content}`)
  return content ? JSON.parse(content) : undefined
}

/** Asks for the right to pay from `address`, as an application does. */
async function ask(wallets, address, limits) {
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const client = there.walletAddresses.find(({ name }) => name === 'Philip Fry').url
  const key = createPrivateKey(readFileSync(join(wallets.data, 'happy-life/private-key.pem')))
  const seeds = readFileSync(new URL('../../edges/wallet/seeds/happy-life.yml', import.meta.url), 'utf8')
  const id = /id: (\S+)\s+name: Philip Fry/.exec(seeds)[1]
  const asked = {
    access_token: {
      access: [
        { type: 'quote', actions: ['create', 'read'] },
        { type: 'outgoing-payment', actions: ['create', 'read', 'list'], identifier: address, limits }
      ]
    },
    client,
    interact: { start: ['redirect'], finish: { method: 'redirect', uri: `${there.walletUrl}healthz`, nonce: 'a nonce of the client' } }
  }
  const url = `${here.authUrl}${here.tenantId}`
  const keyId = `keyid-${id}`
  return { grant: await signed('POST', url, { body: asked, keyId, key }), keyId, key }
}

/** Somebody new, with an account in dollars. */
async function signUp(page, address, name, slug) {
  await page.goto(`${address}sign-up`)
  await page.locator('#name').fill(name)
  await page.locator('#email').fill(`${slug}@example.com`)
  await page.locator('#password').fill(PASSWORD)
  await page.locator('#again').fill(PASSWORD)
  await page.locator('#terms').check()
  await page.locator('main .button.main').click()
  await page.waitForURL('**/?said=welcome')
}

async function openAccount(page, address, name, slug) {
  await page.goto(`${address}accounts/open`)
  await page.locator('input[value="USD/2"]').check()
  await page.locator('#name').fill(name)
  await page.locator('#path').fill(slug)
  await page.locator('main .button.main').click()
  await page.waitForURL('**/accounts/*?said=account')
}

async function topUp(page, amount) {
  await page.locator('#amount').fill(amount)
  await page.locator('form[action$=top-up] .button').click()
  await page.waitForURL('**?said=top-up')
}

async function send(page, address, to, amount, shot) {
  await page.goto(`${address}send`)
  await shot('send-to')
  await page.locator('#to').fill(to)
  await page.locator('input[name=account]').first().check()
  await page.locator('main .button.main').click()
  await page.waitForURL((url) => /\/send\/[0-9a-f-]{36}$/.test(url.pathname))
  await page.locator('#amount').fill(amount)
  await page.locator('#note').fill('Lunch')
  await shot('send-amount')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/review')
  await shot('send-review')
  await page.locator('main .button.main').dblclick()
  await page.waitForURL('**/history/*', { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 20000 })
  await shot('receipt')
}

/** The whole story, on a screen of this width. `each(name, page)` is called on every page. */
export async function story(browser, wallets, { width, colorScheme, slug }, each) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, locale: 'en-GB' })
  const page = await context.newPage()
  const shot = (name) => each(name, page)
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const address = here.walletUrl
  await page.goto(`${address}sign-in`)
  await shot('sign-in')
  await page.goto(`${address}sign-up`)
  await shot('sign-up')
  await signUp(page, address, 'Nora Neu', slug)
  await shot('home-empty')
  await page.goto(`${address}accounts/open`)
  await shot('open')
  await openAccount(page, address, 'Everyday money', slug)
  await topUp(page, '500.00')
  await shot('account')
  await page.goto(`${address}receive`)
  await shot('receive')
  await send(page, address, there.walletAddresses.find(({ name }) => name === 'Philip Fry').url, '12.50', shot)
  await page.goto(address)
  await shot('home')
  await page.goto(`${address}history`)
  await shot('history')

  const own = `${here.openPaymentsUrl.replace(/\/$/, '')}/accounts/${slug}`
  const interval = `R11/${new Date().toISOString().slice(0, 10)}T00:00:00Z/P1M`
  const { grant, keyId, key } = await ask(wallets, own, { debitAmount: { value: '2000', assetCode: 'USD', assetScale: 2 }, interval })
  await page.goto(grant.interact.redirect)
  await page.waitForURL('**/consent/*')
  await shot('consent')
  const text = await page.locator('main').textContent()
  assert.match(text, /20\.00\sUSD each month/)
  assert.match(text, /12 times/)
  await page.locator('button[value=allow]').click()
  await page.waitForURL((url) => url.pathname === '/healthz', { timeout: 15000 })
  const reference = new URL(page.url()).searchParams.get('interact_ref')
  assert.ok(reference, 'the application gets its reference')
  const token = grant.continue.access_token.value
  await new Promise((resolve) => setTimeout(resolve, (grant.continue.wait ?? 0) * 1000 + 200))
  const finished = await signed('POST', grant.continue.uri, { body: { interact_ref: reference }, token, keyId, key })
  assert.ok(finished.access_token.value, 'the application gets its token')

  await page.goto(`${address}agreements`)
  await shot('agreements')
  await page.locator('.agreements a').first().click()
  await shot('agreement')
  await page.locator('.button.stop').click()
  await page.waitForURL('**?said=revoked')
  assert.match(await page.locator('.badge').first().textContent(), /Ended/)
  await page.goto(`${address}settings`)
  await shot('settings')
  await context.close()
}
