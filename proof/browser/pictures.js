// Takes the pictures of the chapter about the console, or of every page in every look with `--all <folder> [names]`.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PAGES, launch, root, signedIn, startPages } from './console.js'

const all = process.argv[2] === '--all'
const folder = all ? process.argv[3] : join(root, 'docs/pictures')
const named = process.argv[4]?.split(',')
const book = ['home', 'payment-completed', 'liquidity']
await mkdir(folder, { recursive: true })
const { address, stop } = await startPages()
const browser = await launch()
try {
  const looks = all
    ? [['light', 1440], ['dark', 1440], ['light', 320], ['dark', 320]]
    : [['light', 1280]]
  for (const [colorScheme, width] of looks) {
    const page = await signedIn(browser, address, { width, height: 800, colorScheme })
    for (const [name, path] of Object.entries(PAGES)) {
      if (all ? named && !named.includes(name) : !book.includes(name)) continue
      await page.goto(address + path)
      const file = all ? `${name}-${width}-${colorScheme}.jpeg` : `console-${name}.jpeg`
      await page.screenshot({ path: join(folder, file), type: 'jpeg', quality: all ? 70 : 55, fullPage: all })
    }
    await page.context().close()
  }
} finally {
  await browser.close()
  stop()
}
console.log(`pictures are in ${folder}`)
process.exit(0)
