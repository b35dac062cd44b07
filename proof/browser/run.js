// The console in a real browser: every page in four looks, and the tasks of an operator by keyboard.

import assert from 'node:assert/strict'
import axe from 'axe-core'
import { DEPOSIT, PAGES, launch, signedIn, startPages } from './console.js'
import { twoPeople } from './sign_in.js'
import { tasks } from './tasks.js'
import { onePayment } from './together.js'
import { passkeys } from './passkeys.js'
import { shopping } from './shop.js'
import { startWallets, story } from './wallet.js'
import { byKeyboard } from './wallet_keyboard.js'

let [passed, failed] = [0, 0]
async function check(name, body) {
  try {
    await body()
    passed += 1
  } catch (error) {
    failed += 1
    console.log(`FAILED ${name}\n  ${error.message.split('\n').slice(0, 12).join('\n  ')}`)
  }
}

/** The serious findings of axe, each with its first place. */
async function findings(page) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
  return serious.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary?.split('\n')[1] ?? ''}`)
}

/** What is demanded of every page. */
async function inspect(page, width, complaints) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  assert.ok(wide <= 0, `scrolls sideways by ${wide} px`)
  const inside = await page.evaluate(() => [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.getAttribute('aria-label')))
  if (width === 1440) assert.deepEqual(inside, [], 'tables scroll sideways')
  assert.deepEqual(await findings(page), [])
  const own = complaints.splice(0).filter((text) => !text.includes('404'))
  assert.deepEqual(own, [], 'the browser complains')
}

const { address, stop } = await startPages()
const browser = await launch()
try {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1440]) {
      const page = await signedIn(browser, address, { width, colorScheme })
      const complaints = []
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
      for (const [name, path] of Object.entries(PAGES)) {
        await check(`${name} at ${width} px, ${colorScheme}`, async () => {
          await page.goto(address + path)
          await inspect(page, width, complaints)
        })
      }
      await check(`a request for approval at ${width} px, ${colorScheme}`, async () => {
        await page.goto(address + PAGES.asset)
        await page.locator('.danger [data-keyword-input]').fill('delete asset')
        await page.locator('.danger .submit button').click()
        await page.waitForURL('**/approvals/*')
        await inspect(page, width, complaints)
      })
      await page.context().close()
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
      const stranger = await context.newPage()
      await check(`signing in at ${width} px, ${colorScheme}`, async () => {
        await stranger.goto(`${address}/sign-in`)
        assert.deepEqual(await findings(stranger), [])
      })
      await context.close()
    }
  }

  // The wallets of two whole institutions: a person with a phone, and one at a desk.
  const wallets = await startWallets()
  for (const look of [{ width: 360, colorScheme: 'light' }, { width: 1280, colorScheme: 'dark' }]) {
    await check(`a customer signs up, sends, allows an application and stops it, at ${look.width} px, ${look.colorScheme}`, async () => {
      await story(browser, wallets, { ...look, slug: `nora-${look.width}` }, async (name, page) => {
        assert.deepEqual(await findings(page), [], name)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(wide <= 0, `${name} scrolls sideways by ${wide} px`)
      })
    })
  }
  for (const look of [{ width: 360, colorScheme: 'dark', locale: 'de-DE' }, { width: 1280, colorScheme: 'light', locale: 'en-GB' }]) {
    await check(`a customer adds a passkey, signs in with it, and removes it, at ${look.width} px, ${look.colorScheme}`, async () => {
      await passkeys(browser, wallets, { ...look, slug: `pia-${look.width}` }, async (name, page) => {
        assert.deepEqual(await findings(page), [], name)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(wide <= 0, `${name} scrolls sideways by ${wide} px`)
      })
    })
  }
  for (const look of [{ width: 360, colorScheme: 'light' }, { width: 1280, colorScheme: 'dark' }]) {
    await check(`every page of the wallet is used by keyboard alone, at ${look.width} px, ${look.colorScheme}`, async () => {
      await byKeyboard(browser, wallets, look)
    })
  }
  await check('an operator pays what another asked for, and two browsers there see it arrive, without loading a page again', async () => {
    await onePayment(browser, wallets)
  })
  for (const look of [{ width: 360, colorScheme: 'dark', locale: 'de-DE' }, { width: 320, colorScheme: 'light', locale: 'de-DE' }, { width: 1440, colorScheme: 'light' }]) {
    await check(`a customer buys, subscribes and gets money back at the shop, at ${look.width} px, ${look.colorScheme}${look.locale ? ', in German' : ''}`, async () => {
      await shopping(browser, wallets, look, async (name, page) => {
        assert.equal(await page.locator('html').getAttribute('lang'), look.locale ? 'de' : 'en', name)
        assert.deepEqual(await findings(page), [], name)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(wide <= 0, `${name} scrolls sideways by ${wide} px`)
      })
    })
  }
  wallets.stop()

  await tasks(check, browser, address)

  await check('j and k walk a list, Enter opens, a question mark shows the keys', async () => {
    const page = await signedIn(browser, address)
    await page.goto(`${address}/payments`)
    for (const key of ['j', 'j', 'k', 'j']) await page.keyboard.press(key)
    const href = await page.locator('tr.at a').first().getAttribute('href')
    await page.keyboard.press('Enter')
    await page.waitForURL(`**${href}`)
    await page.keyboard.press('?')
    assert.ok(await page.locator('#keys').isVisible())
    await page.keyboard.press('Escape')
    assert.ok(!(await page.locator('#keys').isVisible()))
    await page.context().close()
  })

  await check('what cannot be undone waits for its keyword, and for a second person', async () => {
    const page = await signedIn(browser, address)
    await page.goto(address + PAGES.asset)
    const button = page.locator('.danger .submit button')
    assert.ok(await button.isDisabled())
    await page.locator('.danger [data-keyword-input]').fill('delete asset')
    await button.click()
    await page.waitForURL('**/approvals/*')
    assert.deepEqual(await findings(page), [])
    await page.context().close()
  })

  await check('a token of a peer is added with the keyboard alone and shown once', async () => {
    const page = await signedIn(browser, address)
    await page.goto(address + PAGES['peer-token-new'])
    while (!(await page.evaluate(() => document.activeElement.name === 'authToken'))) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.locator('text=0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c').first().waitFor()
    assert.deepEqual(await findings(page), [])
    await page.context().close()
  })

  await check('two people sign in at a real OpenID Connect provider, and one approves what the other asked', async () => {
    await twoPeople(browser, DEPOSIT)
  })

  await check('a double click sends once', async () => {
    const page = await signedIn(browser, address)
    let sent = 0
    page.on('request', (request) => { if (request.method() === 'POST') sent += 1 })
    await page.goto(`${address}${PAGES.asset}/deposit-liquidity`)
    await page.locator('input[name=amount]').fill('12.50')
    await page.locator('.submit button').dblclick()
    await page.waitForURL((url) => url.pathname === PAGES.asset)
    assert.equal(sent, 1)
    await page.context().close()
  })

  await check('everything works without scripts', async () => {
    const page = await signedIn(browser, address, { javaScriptEnabled: false })
    await page.goto(`${address}/peers/create`)
    await page.locator('input[name=staticIlpAddress]').fill('test.other')
    await page.locator('input[name=outgoingEndpoint]').fill('https://connector.example')
    await page.locator('input[name=outgoingAuthToken]').fill('a token')
    await page.locator('.submit button').click()
    await page.waitForURL((url) => /\/peers\/[0-9a-f-]{36}\/start$/.test(url.pathname))
    await page.setViewportSize({ width: 320, height: 700 })
    await page.locator('.menu').click()
    await page.locator('.rail a', { hasText: 'Assets' }).click()
    await page.waitForURL('**/assets')
    await page.context().close()
  })

  await check('two windows of two colours are chosen by hand and kept', async () => {
    const page = await signedIn(browser, address)
    await page.goto(`${address}/preferences`)
    await page.locator('select[name=theme]').selectOption('dark')
    await page.locator('select[name=language]').selectOption('de')
    await page.locator('.submit button').click()
    await page.waitForLoadState()
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
    assert.equal(await page.locator('h1').textContent(), 'Einstellungen')
    await page.context().close()
  })
} finally {
  await browser.close()
  stop()
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
