// Two real institutions, an operator at each, each in a browser of its own, and one payment that both watch.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { launch, signedIn } from './console.js'
import { press, sent, skip, fill } from './keyboard.js'
import { facts } from './wallet.js'

/** JSON with sorted names (RFC 8785), of values without numbers. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}

/** Asks the Admin API of an institution. */
async function ask({ adminUrl, tenantId, adminSecret }, query, variables) {
  const body = { query, variables }
  const at = Date.now()
  const hash = createHmac('sha256', adminSecret).update(`${at}.${canonical(body)}`).digest('hex')
  const headers = { 'content-type': 'application/json', 'tenant-id': tenantId, signature: `t=${at}, v1=${hash}` }
  const { data, errors } = await (await fetch(adminUrl, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data
}

const INCOMING = 'query ($id: String!) { incomingPayment(id: $id) { state receivedAmount { value } } }'

/** One asks for money and watches, in two browsers; the other pays. Both see the end without loading a page again. */
export async function onePayment(browser, wallets) {
  const [here, there] = [facts(wallets.data, 'cloud-nine'), facts(wallets.data, 'happy-life')]
  const other = await launch()
  const payee = await signedIn(other, there.consoleUrl.replace(/\/$/, ''))
  const form = '/payments/incoming/create'
  await payee.goto(new URL(form, there.consoleUrl).href)
  await skip(payee)
  await sent(payee, () => fill(payee, form, { walletAddress: there.walletAddresses[0].url, amount: '7', hours: '2', note: 'Lunch' }, 'Create incoming payment'))
  await payee.waitForURL(/\/payments\/incoming\/[0-9a-f-]{36}$/)
  const url = await payee.locator('dd [data-copy*="/incoming-payments/"]').first().getAttribute('data-copy')
  const colleague = await signedIn(browser, there.consoleUrl.replace(/\/$/, ''), { colorScheme: 'dark' })
  await colleague.goto(payee.url())
  for (const page of [payee, colleague]) {
    await page.locator('#sum', { hasText: 'Pending' }).waitFor()
    await page.evaluate(() => { window.sameDocument = true })
  }

  const payer = await signedIn(browser, here.consoleUrl.replace(/\/$/, ''))
  await payer.keyboard.press('Control+k')
  await payer.keyboard.type('new payment')
  await payer.keyboard.press('Enter')
  await payer.waitForURL('**/payments/create')
  await skip(payer)
  const quote = { walletAddress: here.walletAddresses[0].url, receiver: url, kind: 'asked' }
  await sent(payer, () => fill(payer, '/payments/create', quote, 'Get a quote'))
  await payer.waitForURL('**/payments/quotes/*')
  await skip(payer)
  await sent(payer, () => press(payer, 'Create the payment', 'button'))
  await payer.waitForURL(/\/payments\/outgoing\/[0-9a-f-]{36}$/)
  await payer.evaluate(() => { window.sameDocument = true })
  await payer.locator('#sum', { hasText: 'Completed' }).waitFor({ timeout: 20000 })

  for (const page of [payee, colleague]) {
    await page.locator('#sum', { hasText: 'Completed' }).waitFor({ timeout: 3000 })
  }
  for (const page of [payer, payee, colleague]) {
    assert.ok(await page.evaluate(() => window.sameDocument), 'a page was loaded again')
  }
  const { incomingPayment } = await ask(there, INCOMING, { id: new URL(payee.url()).pathname.split('/').pop() })
  assert.deepEqual(incomingPayment, { state: 'COMPLETED', receivedAmount: { value: '700' } })
  await payer.context().close()
  await colleague.context().close()
  await other.close()
}
