// The wallets in a real browser: a person signs up, is paid, sends money to another institution, and decides about an application.

import assert from 'node:assert/strict'
import { createHash, createHmac, createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start } from './console.js'

export const PASSWORD = 'a rainy day in march'

/** Starts both institutions, each with its wallet, on ports from `base`. `RAFIKI_BINARY` names a program that is built already. */
export async function startWallets(base = 23400) {
  const data = mkdtempSync(join(tmpdir(), 'wallets-'))
  const dev = ['dev', '--ports', String(base), '--data-dir', data]
  // Who sees the operators' pages.
  process.env.WALLET_OPERATORS ??= 'gfranklin@cloud-nine.example'
  const built = process.env.RAFIKI_BINARY
  const [program, options] = built ? [built, dev] : ['cargo', ['run', '--quiet', '-p', 'rafiki', '--', ...dev]]
  const { stop } = await start(program, options, (line) => line.trim() === 'ready')
  return { base, data, stop }
}

/** The facts about an institution that the playground writes down. */
export function facts(data, slug) {
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
export async function ask(wallets, address, limits) {
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

/** Somebody new. */
export async function signUp(page, address, name, slug) {
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

/** The code that an app shows now (RFC 6238), for a secret in base 32. */
function codeOfApp(secret, at = Date.now()) {
  const bits = [...secret].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => parseInt(octet, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30000)))
  const digest = createHmac('sha1', key).update(step).digest()
  const from = digest[19] & 15
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1000000).padStart(6, '0')
}

/** Asks for money, has it paid by the same person's other account, and sees it arrive; contacts, filters and exchange. */
async function betweenAccounts(page, address, slug, shot) {
  await openAccount(page, address, 'Savings', `${slug}-savings`)
  await page.goto(`${address}request`)
  await shot('request')
  await page.locator('label.choice', { hasText: 'Savings' }).locator('input').check()
  await page.locator('#amount').fill('7.00')
  await page.locator('#note').fill('Rent')
  await page.locator('main .button.main').click()
  await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/)
  await shot('request-open')
  const link = await page.locator('[data-copy]').getAttribute('data-copy')
  const request = page.url()
  await page.goto(`${address}requests`)
  await shot('requests')
  await page.goto(`${address}send`)
  await page.locator('#to').fill(link)
  await page.locator('label.choice', { hasText: 'Everyday' }).locator('input').check()
  await page.locator('main .button.main').click()
  await page.waitForURL((url) => /\/send\/[0-9a-f-]{36}$/.test(url.pathname))
  assert.match(await page.locator('main').textContent(), /They ask for 7\.00\sUSD/)
  await page.locator('main .button.main').click()
  await page.waitForURL('**/review')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/history/*', { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 20000 })
  await page.goto(request)
  await page.locator('.badge.done').waitFor({ timeout: 20000 })
  await shot('request-paid')

  await page.goto(`${address}exchange`)
  await shot('exchange')
  await page.locator('input[name=from]').first().check()
  await page.locator('input[name=to]').last().check()
  await page.locator('main .button.main').click()
  await page.waitForURL((url) => /\/send\/[0-9a-f-]{36}$/.test(url.pathname))
  await page.locator('#amount').fill('2.00')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/review')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/history/*', { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 20000 })

  await page.goto(`${address}history?way=out&q=fry`)
  await page.locator('.lines a').last().click()
  await page.locator('a[href^="/contacts/add"]').click()
  await page.locator('#name').fill('The delivery boy')
  await shot('contact')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/contacts?said=saved')
  await shot('contacts')
  await page.goto(`${address}history`)
  await page.locator('summary').click()
  await page.locator('#way').selectOption('out')
  await page.locator('#q').fill('delivery boy')
  await shot('history-filter')
  await page.locator('.filters .button').first().click()
  await page.waitForURL('**/history?*way=out*')
  assert.equal(await page.locator('.lines li').count(), 1)
}

const plain = (url) => url.replace('https:', 'http:')

/** An application pays under its grant. Returns the payment once it has ended. */
async function pays(wallets, own, value, { token, keyId, key }) {
  const payee = facts(wallets.data, 'happy-life').walletAddresses.find(({ name }) => name === 'Philip Fry').url
  const places = async (url) => (await fetch(plain(url), { headers: { accept: 'application/json' } })).json()
  const [at, to] = [await places(own), await places(payee)]
  const access = [{ type: 'incoming-payment', actions: ['create', 'read'] }]
  const asking = await signed('POST', plain(to.authServer), { body: { access_token: { access }, client: payee }, keyId, key })
  const receiving = { body: { walletAddress: payee }, token: asking.access_token.value, keyId, key }
  const incoming = await signed('POST', `${plain(to.resourceServer)}/incoming-payments`, receiving)
  const call = (method, path, body) => signed(method, `${plain(at.resourceServer)}${path}`, { body, token, keyId, key })
  const debitAmount = { value, assetCode: 'USD', assetScale: 2 }
  const quote = await call('POST', '/quotes', { walletAddress: own, receiver: incoming.id, method: 'ilp', debitAmount })
  const { id } = await call('POST', '/outgoing-payments', { walletAddress: own, quoteId: quote.id })
  const path = new URL(id).pathname.split('/outgoing-payments/')[1]
  for (let tries = 0; tries < 100; tries += 1) {
    const payment = await call('GET', `/outgoing-payments/${path}`)
    if (payment.failed || Number(payment.sentAmount.value) > 0) {
      const { spentDebitAmount } = await call('GET', '/outgoing-payment-grant')
      return { failed: payment.failed, spent: Number(spentDebitAmount?.value ?? 0) }
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the payment does not end')
}

/** What the page of the agreement says was used, in cents. */
async function used(page) {
  await page.reload()
  return Number(/([0-9.]+)\sUSD used/.exec(await page.locator('main').textContent())[1].replace('.', ''))
}

/** Makes a pair of keys in the browser. A program signs with it, until it is revoked. */
async function keys(page, address, wallets, own, shot) {
  await page.goto(address)
  await page.locator('.account-card').first().click()
  await page.locator('a[href$="/keys"]').click()
  await page.locator('[data-make-key]').click()
  await page.locator('#private').waitFor()
  await shot('keys')
  const keyId = await page.locator('#name').inputValue()
  const key = createPrivateKey(await page.locator('#private').inputValue())
  await page.locator('main .button.main').click()
  await page.waitForURL('**/keys?said=key')
  const here = facts(wallets.data, 'cloud-nine')
  const body = { access_token: { access: [{ type: 'incoming-payment', actions: ['create', 'read'] }] }, client: own }
  const asks = () => signed('POST', `${here.authUrl}${here.tenantId}`, { body, keyId, key })
  assert.ok((await asks()).access_token.value, 'a key made here signs')
  await page.locator('li', { hasText: keyId }).locator('button').click()
  await page.waitForURL('**/keys?said=key-gone')
  await shot('keys-revoked')
  await assert.rejects(asks(), /40[01]/, 'a revoked key does not')
  await page.locator('.back').click()
  await page.locator('a[href$="/monetization"]').click()
  await shot('monetization')
}

/** The person who has the first seeded account freezes its card. */
async function cards(page, address, shot) {
  await page.goto(`${address}sign-in`)
  await page.locator('form[action="/sign-in/one-click"] button').first().click()
  await page.waitForURL((url) => url.pathname === '/')
  await page.goto(`${address}cards`)
  await shot('cards')
  await page.locator('.lines a').first().click()
  await shot('card')
  await page.locator('button[value=frozen]').click()
  await page.waitForURL('**?said=card-frozen')
  await page.locator('button[value=active]').click()
  await page.waitForURL('**?said=card-active')
}

/** Turns the second factor on, and signs in with it. */
async function secondFactor(page, address, slug, shot) {
  await page.goto(`${address}settings/second-factor`)
  await shot('factor-none')
  await page.locator('main .button.main').click()
  await page.waitForURL('**/prove?*')
  await shot('prove')
  await page.locator('#proof').fill(PASSWORD)
  await page.locator('main .button.main').click()
  await page.waitForURL('**/settings/second-factor')
  await page.locator('main .button.main').click()
  const link = await page.locator('a[href^="otpauth:"]').getAttribute('href')
  await shot('factor-offered')
  const secret = new URL(link).searchParams.get('secret')
  await page.locator('#code').fill(codeOfApp(secret))
  await page.locator('main .button.main').click()
  await page.locator('.codes li').first().waitFor()
  assert.equal(await page.locator('.codes li').count(), 10)
  await shot('recovery-codes')
  const recovery = await page.locator('.codes code').first().textContent()
  await page.goto(`${address}settings/second-factor`)
  await shot('factor-on')
  await page.locator('.out button').click()
  await page.waitForURL('**/sign-in?said=signed-out')
  await page.locator('#email').fill(`${slug}@example.com`)
  await page.locator('#password').fill(PASSWORD)
  await page.locator('main .button.main').click()
  await page.locator('#code').waitFor()
  await shot('sign-in-code')
  await page.locator('#code').fill(recovery)
  await page.locator('main .button.main').click()
  await page.waitForURL((url) => url.pathname === '/')
}

/** The whole story, on a screen of this width. `each(name, page)` is called on every page. */
export async function story(browser, wallets, { width, height = 800, colorScheme, slug, ...more }, each) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale: 'en-GB', ...more })
  const page = await context.newPage()
  const shot = (name) => each(name, page)
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const address = here.walletUrl
  await page.goto(`${address}sign-in`)
  await shot('sign-in')
  await page.goto(`${address}forgot`)
  await shot('forgot')
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
  await page.locator('summary').click()
  await page.locator('input[name^=payment-]').fill('5.00')
  await shot('consent-limits')
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
  assert.equal(await page.locator('input[name^=payment-]').inputValue(), '5.00')
  const spender = { token: finished.access_token.value, keyId, key }
  assert.deepEqual(await pays(wallets, own, '300', spender), { failed: false, spent: 300 })
  assert.equal(await used(page), 300, 'the wallet counts as the instance does')
  assert.deepEqual(await pays(wallets, own, '501', spender), { failed: true, spent: 300 }, 'more than the own limit')
  assert.equal(await used(page), 300)
  await shot('agreement')
  await page.locator('button[value=paused]').click()
  await page.waitForURL('**?said=paused')
  assert.deepEqual(await pays(wallets, own, '150', spender), { failed: true, spent: 300 }, 'paused')
  await shot('agreement-paused')
  await page.locator('button[value=active]').click()
  await page.waitForURL('**?said=resumed')
  await page.locator('.button.stop').click()
  await page.waitForURL('**?said=revoked')
  assert.match(await page.locator('.badge').first().textContent(), /Ended/)
  await page.goto(`${address}settings`)
  await shot('settings')
  await keys(page, address, wallets, own, shot)
  await betweenAccounts(page, address, slug, shot)
  await secondFactor(page, address, slug, shot)
  await page.goto(`${address}settings/leave`)
  await shot('leave')
  await context.clearCookies()
  await cards(page, address, shot)
  await context.close()
}
