// Takes the pictures of the book, or of every page of the console in every look with `--all <folder> [names]`.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PAGES, launch, root, signedIn, startPages } from './console.js'
import { startWallets, story } from './wallet.js'

const DESK = { width: 1280, height: 800 }
const SHORT = { width: 1280, height: 700 }
const PHONE = { width: 390, height: 844 }
const { asset } = PAGES

/** Brings a part of a page to the top. */
const to = (selector) => (page) => page.locator(selector).first().evaluate((part) => part.scrollIntoView())

/** Moves some money, and asks for a change that needs another person. */
async function changes(page) {
  const address = new URL(page.url()).origin
  for (const [way, amount] of [['deposit-liquidity', '250.00'], ['withdraw-liquidity', '12.50']]) {
    await page.goto(`${address}${asset}/${way}`)
    await page.locator('input[name=amount]').fill(amount)
    await page.locator('.submit button').click()
    await page.waitForURL(`**${asset}`)
  }
  await page.goto(`${address}${PAGES['peer-limits']}`)
  await page.locator('input[name=packetsPerSecond]').fill('500')
  await page.locator('.submit button').click()
  await page.waitForURL(`**${PAGES.peer}`)
  await page.goto(`${address}${PAGES.peer}/deposit-liquidity`)
  await page.locator('input[name=amount]').fill('5000')
  await page.locator('.submit button').click()
  await page.waitForURL('**/approvals/*')
}

/** Calculates the signature of the body on the page. */
async function signature(page) {
  await page.locator('input[name=secret]').fill('a secret of the endpoint')
  await page.locator('input[name=time]').fill('1767225600000')
  await page.locator('.submit button').click()
  await page.locator('.facts code').waitFor()
}

async function palette(page) {
  await page.keyboard.press('Control+k')
  await page.keyboard.type('pay')
}

// Each picture of the console: name, page, colours, and what is done before it is taken; on a desk unless it is said.
const SCENES = [
  ['home', '/', 'light'],
  ['home-phone', '/', 'light', undefined, PHONE],
  ['payments', '/payments?type=OUTGOING', 'dark'],
  ['payment', PAGES['payment-completed'], 'light'],
  ['payment-packets', PAGES['payment-completed'], 'dark', to('.part:has(.rates)')],
  ['payment-phone', PAGES['payment-completed'], 'dark', undefined, PHONE],
  ['palette', '/payments', 'light', palette],
  ['account', PAGES['account-of-peer'], 'light', undefined, SHORT],
  ['peers', '/peers', 'dark', undefined, { width: 1280, height: 440 }],
  ['liquidity', '/liquidity', 'light'],
  ['peer', PAGES.peer, 'light'],
  ['wallet-address', PAGES['wallet-address'], 'dark'],
  ['fee', PAGES.fee, 'light', undefined, SHORT],
  ['deliveries', '/webhooks/deliveries', 'light'],
  ['delivery', PAGES['delivery-given-up'], 'dark'],
  ['signature', PAGES.signature, 'light', signature],
  ['settled', PAGES['liquidity-settled'], 'dark', undefined, SHORT],
  ['grant', PAGES.grant, 'light'],
  ['tenant-start', PAGES['tenant-start'], 'dark', undefined, SHORT],
  ['approval', undefined, 'light', changes],
  ['health', '/health', 'light', undefined, SHORT],
  ['wallet-address-import', PAGES['wallet-address-import'], 'light', undefined, SHORT],
  ['ledger-check', '/ledger/check', 'light', undefined, SHORT],
  ['tenant', PAGES.tenant, 'light', undefined, SHORT],
  ['rates', '/rates', 'dark', undefined, SHORT],
  ['audit', '/audit', 'dark']
]

// The pages of the wallet's story that are kept: its name there, and its colours.
const OF_WALLET = { home: 'light', account: 'dark', 'send-review': 'light', receipt: 'dark', consent: 'light' }

/** A picture of what is seen, as WebP: small, and sharp on good screens. */
async function keep(page, studio, path) {
  const png = (await page.screenshot()).toString('base64')
  const webp = await studio.evaluate(async (png) => {
    const image = new Image()
    image.src = `data:image/png;base64,${png}`
    await image.decode()
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height })
    canvas.getContext('2d').drawImage(image, 0, 0)
    return canvas.toDataURL('image/webp', 0.6).split(',')[1]
  }, png)
  const bytes = Buffer.from(webp, 'base64')
  await writeFile(path, bytes)
  return bytes.length
}

async function book(browser, address, folder) {
  const studio = await browser.newPage()
  const sizes = []
  for (const [name, path, colorScheme, prepare, size = DESK] of SCENES) {
    const page = await signedIn(browser, address, { ...size, colorScheme, deviceScaleFactor: 1.5, reducedMotion: 'reduce' })
    if (path) await page.goto(address + path)
    await prepare?.(page)
    await page.evaluate(() => document.querySelector('.flash')?.remove())
    sizes.push(await keep(page, studio, join(folder, `console-${name}.webp`)))
    await page.context().close()
  }
  const wallets = await startWallets()
  for (const colorScheme of ['light', 'dark']) {
    const look = { width: PHONE.width, height: PHONE.height, colorScheme, deviceScaleFactor: 1.5, slug: `nora-${colorScheme}` }
    await story(browser, wallets, look, async (name, page) => {
      if (OF_WALLET[name] === colorScheme) sizes.push(await keep(page, studio, join(folder, `wallet-${name}.webp`)))
    })
  }
  wallets.stop()
  const sum = sizes.reduce((one, other) => one + other, 0)
  console.log(`${sizes.length} pictures of ${Math.round(sum / 1000)} kB`)
}

async function all(browser, address, folder, names) {
  for (const [colorScheme, width] of [['light', 1440], ['dark', 1440], ['light', 320], ['dark', 320]]) {
    const page = await signedIn(browser, address, { width, height: 800, colorScheme })
    for (const [name, path] of Object.entries(PAGES)) {
      if (names && !names.includes(name)) continue
      await page.goto(address + path)
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
    }
    await page.context().close()
  }
}

const [, , option, given, names] = process.argv
const folder = option === '--all' ? given : join(root, 'docs/pictures')
await mkdir(folder, { recursive: true })
const { address, stop } = await startPages()
const browser = await launch()
try {
  if (option === '--all') await all(browser, address, folder, names?.split(','))
  else await book(browser, address, folder)
} finally {
  await browser.close()
  stop()
}
console.log(`they are in ${folder}`)
process.exit(0)
