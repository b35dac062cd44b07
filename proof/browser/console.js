// Starts the console over a played Admin API, and a browser that opens its pages.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts a command and resolves with the first line of its output that `wanted` takes. */
export async function start(command, options, wanted) {
  const child = spawn(command, options, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  // Cargo runs the program as its child; both are in the group of this one process, and end with the test.
  const end = () => process.kill(-child.pid)
  process.once('exit', end)
  for await (const line of createInterface({ input: child.stdout })) {
    if (wanted(line)) {
      child.stdout.resume()
      return { line, stop: () => { process.off('exit', end); end() } }
    }
  }
  throw new Error(`${command} ${options.join(' ')} ended`)
}

/** The pages over a played Admin API: the address they are at. The issuer of a sign-in provider may follow.
 *  `PAGES_BINARY` names a program that is built already. */
export async function startPages(more = []) {
  const built = process.env.PAGES_BINARY
  if (built) {
    const { line, stop } = await start(built, ['127.0.0.1:0', ...more], (line) => line.startsWith('http'))
    return { address: line.trim(), stop }
  }
  // The name of the package is that of another crate as well, so it is named by its place.
  const run = ['run', '--quiet', '--manifest-path', 'edges/console/Cargo.toml', '--example', 'pages', '--', '127.0.0.1:0', ...more]
  const { line, stop } = await start('cargo', run, (line) => line.startsWith('http'))
  return { address: line.trim(), stop }
}

/** Debian's Chromium. */
export async function launch() {
  const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  const executablePath = places.find(existsSync)
  if (!executablePath) throw new Error('no Chromium is installed')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}

/** A window of somebody signed in as the operator. The first page has a button for each person. */
export async function signedIn(browser, address, { width = 1440, height = 900, colorScheme = 'light', person = 0, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, ...more })
  const page = await context.newPage()
  await page.goto(address)
  await page.locator('.enter button').nth(person).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
  return page
}

/** A large deposit, which waits for a second person. */
export const DEPOSIT = '/peers/9ee70000-0000-4000-8000-000000000001/deposit-liquidity'

const asset = 'a55e7000-0000-4000-8000-000000000001'
const peer = '9ee70000-0000-4000-8000-000000000001'
const wallet = 'add70000-0000-4000-8000-000000000001'
const endpoint = 'e4d00000-0000-4000-8000-000000000001'
const operator = '438fa74a-fa7d-4317-9ced-dde32ece1787'
const delivery = (n) => `de110000-0000-4000-8000-00000000000${n}`
const grant = (n) => `96a40000-0000-4000-8000-00000000000${n}`
const payment = (n) => `0bad0000-0000-4000-8000-0000000000${n}`

/** Every page, by a name for its picture. */
export const PAGES = {
  home: '/',
  payments: '/payments',
  'payments-outgoing': '/payments?type=OUTGOING',
  'payments-columns': '/payments?hide=Tenant',
  'payment-sending': `/payments/outgoing/${payment('06')}`,
  'payment-completed': `/payments/outgoing/${payment('02')}`,
  'payment-failed': `/payments/outgoing/${payment('08')}`,
  'payment-incoming': `/payments/incoming/${payment('03')}`,
  'payment-deposit': `/payments/outgoing/${payment('00')}/deposit-liquidity`,
  'payment-cancel': `/payments/outgoing/${payment('00')}/cancel`,
  'payment-new': '/payments/create',
  'payment-quote': '/payments/quotes/00000000-0000-0000-0000-000000009007',
  'receiver-elsewhere': '/payments/receivers/create?url=https://happy-life.example/incoming-payments/1',
  'wallet-addresses': '/wallet-addresses',
  'wallet-address': `/wallet-addresses/${wallet}`,
  'wallet-address-new': '/wallet-addresses/create',
  'wallet-address-import': '/wallet-addresses/import',
  'wallet-addresses-inactive': '/wallet-addresses/deactivate?all=yes',
  'key-new': `/wallet-addresses/${wallet}/keys/create`,
  ledger: '/ledger',
  'ledger-check': '/ledger/check',
  account: `/ledger/${asset}`,
  'account-of-peer': `/ledger/${peer}`,
  'account-then': `/ledger/${asset}?at=2026-11-20T09:00`,
  liquidity: '/liquidity',
  'liquidity-settled': '/liquidity/withdraw-settled?all=yes',
  'liquidity-pending': `/liquidity/pending/${asset}`,
  peers: '/peers',
  peer: `/peers/${peer}`,
  'peer-start': `/peers/${peer}/start`,
  'peer-limits': `/peers/${peer}/limits`,
  'peer-certificates': `/peers/${peer}/certificates`,
  rates: '/rates',
  'peer-token-new': `/peers/${peer}/tokens/add`,
  'peer-token-replace': `/peers/${peer}/tokens/replace`,
  'peer-token-remove': `/peers/${peer}/tokens/97a3a4318ee10c2f/remove`,
  'peer-new': '/peers/create',
  'peer-by-url': '/peers/by-url',
  assets: '/assets',
  asset: `/assets/${asset}`,
  'asset-new': '/assets/create',
  'asset-withdraw': `/assets/${asset}/withdraw-liquidity`,
  fee: `/assets/${asset}/fee?amount=100`,
  'fee-history': `/assets/${asset}/fee-history`,
  'webhook-events': '/webhook-events',
  'webhook-event': '/webhook-events/data?id=00000000-0000-0000-0000-0000e7e70001',
  deliveries: '/webhooks/deliveries',
  'deliveries-filtered': '/webhooks/deliveries?state=EXHAUSTED&type=incoming_payment.created',
  'dead-letters': '/webhooks/deliveries?state=QUARANTINED,EXHAUSTED',
  'delivery-given-up': `/webhooks/deliveries/${delivery(3)}`,
  'delivery-waiting': `/webhooks/deliveries/${delivery(5)}`,
  resend: '/webhooks/resend?state=EXHAUSTED',
  'deliveries-several': '/webhooks/deliveries/several',
  signature: `/webhooks/signature?delivery=${delivery(3)}`,
  endpoints: '/webhooks/endpoints',
  endpoint: `/webhooks/endpoints/${operator}/${endpoint}`,
  'endpoint-new': '/webhooks/endpoints/create',
  grants: '/grants',
  'grants-filtered': '/grants?state=ISSUED',
  grant: `/grants/${grant(0)}`,
  'grant-revoked': `/grants/${grant(2)}`,
  tenants: '/tenants',
  tenant: '/tenants/7e11a74a-fa7d-4317-9ced-dde32ece1001',
  'tenant-new': '/tenants/create',
  'tenant-start': '/tenants/7e11a74a-fa7d-4317-9ced-dde32ece1001/start',
  'payments-of-tenant': '/payments?tenantId=7e11a74a-fa7d-4317-9ced-dde32ece1001',
  health: '/health',
  audit: '/audit',
  approvals: '/approvals',
  settings: '/preferences',
  views: '/views?list=/payments&filters=type%3DINCOMING',
  search: '/search?q=invoice',
  'search-nothing': '/search?q=nothing-like-this',
  'not-found': '/nowhere'
}
