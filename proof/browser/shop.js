// The sample shop in a real browser: a customer of the other institution buys with the consent of the wallet, subscribes, ends that,
// buys with one click from a budget, and the owner gives money back. Both wallets are those of the playground.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const DESK = { username: 'owner', password: 'play shop for everyone' }

/** The facts about an institution that the playground writes down. */
function facts(data, slug) {
  return JSON.parse(readFileSync(join(data, `dev-${slug}.json`), 'utf8'))
}

/** Signs in with one click, and waits until the page that was asked for is there. */
async function allow(page, name) {
  await page.waitForURL((url) => /\/(sign-in|consent)/.test(url.pathname))
  if (new URL(page.url()).pathname === '/sign-in') {
    await page.locator('form[action*=one-click] button', { hasText: name }).click()
  }
  await page.waitForURL('**/consent/*')
}

/** Orders something and comes to the wallet's consent page. */
async function order(page, shop, slug, wallet, shot) {
  await page.goto(`${shop}buy/${slug}`)
  await shot(`buy-${slug}`)
  await page.locator('#wallet').fill(wallet)
  await page.locator('main .button.main').dblclick()
}

/** The whole story, on a screen of this width. `each(name, page)` is called on every page of the shop. */
export async function shopping(browser, wallets, { width, colorScheme, locale = 'en-GB' }, each) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, locale, javaScriptEnabled: true })
  const page = await context.newPage()
  const shot = (name) => each(name, page)
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const shop = there.shopUrl
  const grace = here.walletAddresses.find(({ name }) => name === 'Grace Franklin').url
  const back = (url) => url.href.startsWith(shop) && /^\/orders\/[0-9a-f-]{36}$/.test(url.pathname)

  await page.goto(shop)
  await shot('catalogue')
  await page.goto(`${shop}orders`)
  await shot('orders-empty')
  await page.goto(`${shop}buy/courage`)
  await page.locator('#wallet').fill('no wallet')
  await page.locator('main .button.main').click()
  await page.locator('.error').waitFor()
  await shot('buy-wrong')

  await order(page, shop, 'courage', grace, shot)
  await allow(page, 'Grace Franklin')
  assert.match(await page.locator('main').textContent(), /USD/)
  await page.locator('button[value=allow]').click()
  await page.waitForURL(back, { timeout: 20000 })
  await shot('under-way')
  await page.locator('.badge.done').waitFor({ timeout: 30000 })
  await shot('paid')
  const bought = page.url()

  await order(page, shop, 'luck', grace, shot)
  await allow(page, 'Grace Franklin')
  await page.locator("button[value=deny]").click()
  await page.waitForURL(back, { timeout: 20000 })
  await page.locator('.badge.failed').waitFor()
  await shot('refused')

  await order(page, shop, 'serenity', grace, shot)
  await allow(page, 'Grace Franklin')
  await page.locator('button[value=allow]').click()
  await page.waitForURL(back, { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 30000 })
  await shot('subscribed')
  await page.locator('form[action$="/end"] button').click()
  await page.waitForURL(back)
  assert.equal(await page.locator('form[action$="/end"]').count(), 0, 'the subscription has ended')
  await shot('ended')

  // A budget is allowed once. Then one click pays, without the wallet.
  await page.goto(`${shop}buy/courage`)
  await page.locator('#wallet').fill(grace)
  await page.locator('#limit').selectOption('150')
  await shot('buy-budget')
  await page.locator('main .button.main').click()
  await allow(page, 'Grace Franklin')
  await page.locator('button[value=allow]').click()
  await page.waitForURL(back, { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 30000 })
  await shot('budget')
  const budget = page.url()
  await page.goto(`${shop}buy/knowledge`)
  await shot('buy-one-click')
  await page.locator('input[name=budget] ~ .button.main').dblclick()
  await page.waitForURL(back, { timeout: 20000 })
  await page.locator('.badge.done').waitFor({ timeout: 30000 })
  await shot('one-click')
  await page.goto(`${shop}buy/luck`)
  assert.equal(await page.locator('input[name=budget]').count(), 0, 'more than is left is not paid with one click')
  assert.equal(await page.locator('#wallet').inputValue(), grace, 'the wallet of the budget is filled in')
  await shot('buy-budget-spent')
  await page.goto(budget)
  await page.locator('form[action$="/end"] button').click()
  await page.locator('form[action$="/end"]').waitFor({ state: 'detached' })
  await shot('budget-ended')

  await page.goto(`${shop}orders`)
  assert.equal(await page.locator('.row').count(), 5, 'a double click is one order')
  await shot('orders')
  await context.close()

  // The owner, at the shop's own wallet.
  const office = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, locale, httpCredentials: DESK })
  const desk = await office.newPage()
  await desk.goto(`${shop}desk`)
  await each('desk', desk)
  const id = new URL(bought).pathname.split('/').pop()
  await desk.goto(`${shop}desk/${id}`)
  await each('desk-order', desk)
  await desk.locator('form[action$="/refund"] button').click()
  await allow(desk, 'PlanEx')
  await desk.locator('button[value=allow]').click()
  await desk.waitForURL((url) => url.pathname === `/desk/${id}`, { timeout: 20000 })
  await desk.locator('.badge.done').nth(1).waitFor({ timeout: 30000 })
  assert.equal(await desk.locator('form[action$="/refund"]').count(), 0, 'an order is refunded once')
  await each('refunded', desk)
  await office.close()
}

/** Pictures of every page of the shop in this folder: `node shop.js <folder>`. */
if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { mkdir } = await import('node:fs/promises')
  const { launch } = await import('./console.js')
  const { startWallets } = await import('./wallet.js')
  const folder = process.argv[2]
  await mkdir(folder, { recursive: true })
  const wallets = await startWallets(23600)
  const browser = await launch()
  try {
    for (const look of [{ width: 1440, colorScheme: 'light' }, { width: 360, colorScheme: 'dark', locale: 'de-DE' }]) {
      await shopping(browser, wallets, look, (name, page) => page.screenshot({ path: join(folder, `${name}-${look.width}.png`), fullPage: true }))
    }
  } finally {
    await browser.close()
    wallets.stop()
  }
  process.exit(0)
}
