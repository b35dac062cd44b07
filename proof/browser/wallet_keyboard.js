// The wallet by keyboard alone. Every page is walked from its first stop to its last and back. A customer signs in, sends, allows an
// application, ends that, freezes an account and changes settings. No mouse, and no script sets a value.

import assert from 'node:assert/strict'
import { look, tabTo } from './keyboard.js'
import { ask, facts } from './wallet.js'

const GRACE = { email: 'gfranklin@cloud-nine.example', password: 'play money for everyone' }

/** Numbers everything that can be used on this page; the radios of a group are one stop. Runs in the page. */
function mark() {
  const groups = new Map()
  let number = 0
  for (const at of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')) {
    if (at.disabled || !at.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) continue
    const group = at.type === 'radio' ? `${at.form?.getAttribute('action')} ${at.name}` : undefined
    const known = group === undefined ? undefined : groups.get(group)
    at.dataset.stop = known ?? number
    if (known === undefined) number += 1
    if (group !== undefined && known === undefined) groups.set(group, at.dataset.stop)
  }
  return number
}

/** The number of what has the focus; -1 between the end of the page and its beginning. Runs in the page. */
function here() {
  const at = document.activeElement
  return { stop: at === document.body ? -1 : Number(at.dataset.stop ?? -2), manyParts: at.type === 'date' }
}

/** What the numbers stand for, for a message. */
function named(page, stops) {
  const name = (stops) => stops.map((stop) => document.querySelector(`[data-stop="${stop}"]`)?.outerHTML.slice(0, 120))
  return page.evaluate(name, stops)
}

/** Goes through the page with this key until every stop was there. No stop keeps the focus, and each one shows it. */
async function go(page, key, all) {
  const seen = new Set()
  let [last, same] = [-3, 0]
  for (let pressed = 0; pressed < 3 * all + 20 && seen.size < all; pressed += 1) {
    await page.keyboard.press(key)
    const { faults, what } = await page.evaluate(look, ['*'])
    assert.deepEqual(faults, [], `${what} on ${page.url()}`)
    const { stop, manyParts } = await page.evaluate(here)
    same = stop === last ? same + 1 : 0
    assert.ok(same < (manyParts ? 6 : 1) || all === 1 || stop < 0, `${await named(page, [stop])} keeps the focus on ${page.url()}`)
    last = stop
    if (stop >= 0) seen.add(stop)
  }
  const missing = [...Array(all).keys()].filter((stop) => !seen.has(stop))
  assert.deepEqual(await named(page, missing), [], `${key} does not reach this on ${page.url()}`)
}

/** Walks a page forwards and backwards. */
async function walk(page) {
  const all = await page.evaluate(mark)
  assert.ok(all > 0, page.url())
  await go(page, 'Tab', all)
  await go(page, 'Shift+Tab', all)
}

async function type(page, selector, text) {
  await tabTo(page, selector)
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Delete')
  await page.keyboard.type(text)
}

/** Presses Enter on this, and waits for the page to which it leads. */
async function enter(page, selector, to, text) {
  await tabTo(page, selector, text)
  await Promise.all([page.waitForURL(to, { timeout: 20000 }), page.keyboard.press('Enter')])
  await page.waitForLoadState()
}

const MAIN = 'main .button.main'

async function signIn(page, address) {
  await page.goto(`${address}sign-in`)
  await type(page, '#email', GRACE.email)
  await type(page, '#password', GRACE.password)
  await Promise.all([page.waitForURL((url) => url.pathname === '/'), page.keyboard.press('Enter')])
}

/** Sends money. Every page on the way is walked. Returns the address of the draft and of the receipt. */
async function send(page, address, to) {
  await page.goto(address)
  await enter(page, 'main a[href="/send"]', '**/send')
  await walk(page)
  await page.reload()
  await type(page, '#to', to)
  await tabTo(page, 'input[name=account]')
  await page.keyboard.press('Space')
  const draft = (url) => /\/send\/[0-9a-f-]{36}$/.test(url.pathname)
  await enter(page, MAIN, draft)
  await walk(page)
  await page.reload()
  await type(page, '#amount', '3.00')
  await type(page, '#note', 'By keyboard')
  await enter(page, MAIN, '**/review')
  await walk(page)
  await page.reload()
  await enter(page, MAIN, '**/history/*')
  await page.locator('.badge.done').waitFor({ timeout: 20000 })
  await walk(page)
}

/** Allows an application something, pauses it, and ends it. */
async function consent(page, wallets, address, own) {
  const { grant } = await ask(wallets, own, { debitAmount: { value: '2000', assetCode: 'USD', assetScale: 2 } })
  await page.goto(grant.interact.redirect)
  await page.waitForURL('**/consent/*')
  await walk(page)
  await page.reload()
  await tabTo(page, 'summary')
  await page.keyboard.press('Enter')
  await type(page, 'input[name^=payment-]', '5.00')
  await enter(page, 'button[value=allow]', (url) => url.pathname === '/healthz')
  await page.goto(`${address}agreements`)
  await walk(page)
  await page.reload()
  await enter(page, '.agreements a', '**/agreements/*')
  await walk(page)
  await page.reload()
  await enter(page, 'button[value=paused]', '**?said=paused')
  await enter(page, 'button[value=active]', '**?said=resumed')
  await enter(page, '.button.stop', '**?said=revoked')
}

/** Freezes the first account and thaws it. */
async function freeze(page, account) {
  await page.goto(account)
  await enter(page, 'main a[href$="/state"]', '**/state')
  await enter(page, 'button[value=frozen]', '**?said=frozen')
  await walk(page)
  await page.reload()
  await enter(page, 'button[value=thawed]', '**?said=thawed')
}

async function settings(page, address) {
  await page.goto(`${address}settings`)
  await tabTo(page, '#theme')
  await page.keyboard.press('End')
  await enter(page, 'form[action="/settings"] button', '**/settings?said=saved')
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
  await page.goto(`${address}settings`)
  await tabTo(page, '#theme')
  await page.keyboard.press('Home')
  await enter(page, 'form[action="/settings"] button', '**/settings?said=saved')
}

/** Asks for money. Returns the address of the request. */
async function request(page, address) {
  await page.goto(`${address}request`)
  await walk(page)
  await page.reload()
  await tabTo(page, 'input[name=account]')
  await page.keyboard.press('Space')
  await type(page, '#amount', '1.00')
  await enter(page, MAIN, (url) => /\/requests\/[0-9a-f-]{36}$/.test(url.pathname))
  await walk(page)
}

/** The first address on this page that looks so. */
async function first(page, at, pattern) {
  await page.goto(at)
  const found = await page.evaluate((pattern) => [...document.querySelectorAll('main a[href]')].map((a) => a.getAttribute('href')).find((href) => new RegExp(pattern).test(href)), pattern)
  assert.ok(found, `${at} has no link like ${pattern}`)
  return new URL(found, at).href
}

/** Everything, on a screen of this width. */
export async function byKeyboard(browser, wallets, { width, colorScheme }) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, locale: 'en-GB' })
  const page = await context.newPage()
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const address = here.walletUrl
  for (const path of ['sign-in', 'sign-up', 'forgot']) {
    await page.goto(address + path)
    await walk(page)
  }
  await signIn(page, address)

  const own = here.walletAddresses.find(({ name }) => name === 'Grace Franklin').url
  const account = await first(page, address, '^/accounts/[0-9a-f-]{36}$')
  await send(page, address, there.walletAddresses.find(({ name }) => name === 'Philip Fry').url)
  await consent(page, wallets, address, own)
  await freeze(page, account)
  await request(page, address)
  await settings(page, address)

  const card = await first(page, `${address}cards`, '^/cards/')
  const parts = ['', '/keys', '/public', '/own-use', '/monetization', '/state'].map((part) => account + part)
  const more = [
    '', 'accounts/open', 'receive', 'cards', 'contacts', 'contacts/add', 'exchange', 'requests', 'history', 'send', 'settings',
    'settings/second-factor', 'settings/passkeys', 'settings/leave', 'prove', 'operator', 'operator/fees', 'operator/rates',
    'operator/liquidity', 'operator/income', 'operator/accounts', 'operator/record'
  ].map((path) => address + path)
  const ofOperators = [await first(page, `${address}operator/fees`, '^/operator/fees/'), account.replace('/accounts/', '/operator/accounts/')]
  for (const at of [...parts, card, ...more, ...ofOperators]) {
    const answer = await page.goto(at)
    assert.ok(answer.ok(), `${at}: ${answer.status()}`)
    await walk(page)
  }

  await page.goto(address)
  if (width < 700 && (await page.locator('.out button').count()) === 0) await page.goto(`${address}settings`)
  await enter(page, 'form[action="/sign-out"] button', '**/sign-in?said=signed-out')
  await context.close()
}
