// Every task of an operator with the keyboard alone: forms, lists, search, dialogs, and two people at one payment.

import assert from 'node:assert/strict'
import { PAGES, launch, signedIn } from './console.js'
import { fill, focused, press, sent, skip, tabTo } from './keyboard.js'

const { asset, peer, tenant, endpoint, fee } = PAGES
const wallet = PAGES['wallet-address']
const own = '/tenants/438fa74a-fa7d-4317-9ced-dde32ece1787'
const incoming = PAGES['payment-incoming']
const outgoing = (n) => `/payments/outgoing/0bad0000-0000-4000-8000-0000000000${n}`
const MINE = 'https://cloud-nine.example/accounts/gfranklin'
const THEIRS = 'https://happy-life.example/pfry'
const KEY = 'ubqoInifJ5sssIPPnQR1gVPfmoZnJtPhTkyMXNoJF_8'
const SHOWN_ONCE = /0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c/
const WAITS = /Another person has to approve/

// Each form: the task, its page, what is written, its button, what is said afterwards; and where it is sent, unless to its page.
const FORMS = [
  ['an asset is added', PAGES['asset-new'], { code: 'usd', scale: '2', withdrawalThreshold: '1.15' }, 'Create asset', /Asset created/],
  ['an asset gets a threshold', asset, { liquidityThreshold: '50' }, 'Save', /Asset information was updated/],
  ['a fee is set, and waits for a second person', `${asset}/fee`, { type: 'RECEIVING', fixed: '0.25', basisPoints: '100' }, 'Set fee', WAITS],
  ['an asset gets liquidity', `${asset}/deposit-liquidity`, { amount: '12.50' }, 'Deposit liquidity', /Deposited asset liquidity/],
  ['liquidity of an asset is reserved for a withdrawal', PAGES['asset-withdraw'], { amount: '12.50', timeoutSeconds: '3600' }, 'Withdraw liquidity', /is reserved/],
  ['a reserved withdrawal is posted, and waits for a second person', PAGES['liquidity-pending'], { decision: 'post' }, 'Decide', WAITS],
  ['a reserved withdrawal is voided', PAGES['liquidity-pending'], { decision: 'void' }, 'Decide', /was voided/],
  ['an asset is deleted, and waits for a second person', asset, { keyword: 'delete asset', why: 'Nobody uses it' }, 'Delete asset', WAITS, `${asset}/delete`],
  ['a peer is created', PAGES['peer-new'], { name: 'Bank', staticIlpAddress: 'test.other', outgoingEndpoint: 'https://connector.example', outgoingAuthToken: 'a token', initialLiquidity: '5' }, 'Create peer', /Peer created/],
  ['a peer is created by its URL', PAGES['peer-by-url'], { peerUrl: 'https://peer.example', liquidityToDeposit: '5' }, 'Peer with it', /Peer created/],
  ['a peer gets another name', peer, { name: 'Renamed' }, 'Save', /Peer information was updated/],
  ['a peer gets another endpoint', peer, { outgoingEndpoint: 'https://new.example' }, 'Save', /Peer information was updated/, `${peer}/http`],
  ['a peer gets liquidity', `${peer}/deposit-liquidity`, { amount: '10' }, 'Deposit liquidity', /Deposited peer liquidity/],
  ['a peer gets limits', PAGES['peer-limits'], { packetsPerSecond: '50' }, 'Save', /limits were changed/],
  ['a peer gets another token', PAGES['peer-token-new'], {}, 'Add a token', SHOWN_ONCE],
  ['a token of a peer is removed', PAGES['peer-token-remove'], { keyword: 'remove token' }, 'Remove the token', /token was removed/],
  ['a wallet address is created', PAGES['wallet-address-new'], { name: 'alice', publicName: 'Alice' }, 'Create wallet address', /Wallet address was created/],
  ['a wallet address is made inactive', wallet, { status: 'INACTIVE' }, 'Save', /Wallet address was updated/],
  ['properties of a wallet address are changed', wallet, { properties: 'public city = Porto' }, 'Save properties', /Wallet address was updated/, `${wallet}/properties`],
  ['many wallet addresses are created from a list', PAGES['wallet-address-import'], { lines: 'alice, Alice Miller' }, 'Create them', /Created/],
  ['a key is added', PAGES['key-new'], { kid: 'k', x: KEY }, 'Add key', /Key was added/],
  ['a key is revoked', `${wallet}/keys/00000000-0000-0000-0000-0000000004e7/revoke`, { keyword: 'revoke key' }, 'Revoke key', /Key was revoked/],
  ['money at a wallet address is withdrawn', `${wallet}/withdraw-liquidity`, {}, 'Withdraw liquidity', /Withdrew wallet address liquidity/],
  ['events of wallet addresses are triggered', '/wallet-addresses/trigger-events', { limit: '5' }, 'Trigger events', /Events were triggered/],
  ['an incoming payment is created', '/payments/incoming/create', { walletAddress: MINE, amount: '3', hours: '2' }, 'Create incoming payment', /Incoming payment was created/],
  ['a receiver elsewhere is completed', '/payments/receivers/create', { act: 'complete', url: `${THEIRS}/1` }, 'Do it', /was completed/],
  ['an incoming payment gets metadata', `${incoming}/metadata`, { metadata: '{"invoice": 7}' }, 'Save', /Metadata/],
  ['an incoming payment is approved', `${incoming}/approve`, {}, 'Approve', /approved/],
  ['an incoming payment is cancelled', `${incoming}/cancel`, { reason: 'asked for', keyword: 'cancel payment' }, 'Cancel payment', /cancelled/],
  ['a part of a payment is refused', `${incoming}/partial`, { partialIncomingPaymentId: '11111111-1111-4111-8111-111111111111', decision: 'reject' }, 'Decide', /part was refused/],
  ['what is left of a payment is withdrawn', `${outgoing('02')}/withdraw-liquidity`, {}, 'Withdraw liquidity', /Withdrew outgoing payment liquidity/],
  ['a tenant is added', PAGES['tenant-new'], { publicName: 'Shop', email: 'a@b.example', apiSecret: 'a long enough secret' }, 'Create tenant', /Tenant created/],
  ['a tenant gets other settings', own, { WEBHOOK_URL: 'https://new.example/hooks' }, 'Save settings', /Tenant information was updated/, `${own}/settings`],
  ['a tenant gets a new secret, and waits for a second person', tenant, { apiSecret: 'another long secret' }, 'Change secret', WAITS, `${tenant}/secret`],
  ['a tenant is deleted, and waits for a second person', tenant, { keyword: 'delete tenant' }, 'Delete this tenant', WAITS, `${tenant}/delete`],
  ['an endpoint is added', PAGES['endpoint-new'], { url: 'https://hooks.example', 'outgoing_payment.failed': true }, 'Add endpoint', SHOWN_ONCE],
  ['an endpoint gets other events', endpoint, { 'peer.liquidity_low': true }, 'Save', /endpoint was changed/],
  ['an endpoint is tested', endpoint, {}, 'Send a test event', /42 ms/, `${endpoint}/test`],
  ['an endpoint gets a new secret', endpoint, { hours: '24' }, 'Change secret', SHOWN_ONCE, `${endpoint}/secret`],
  ['an event is sent again', PAGES['delivery-given-up'], {}, 'Send again', /on its way again/],
  ['all dead letters are sent again', PAGES.resend, {}, 'Send again', /on their way again/, '/webhooks/resend'],
  ['several deliveries are sent again', PAGES['deliveries-several'], { chosen: true }, 'Send them again', /On its way/],
  ['several wallet addresses are made inactive', '/wallet-addresses/deactivate', { chosen: true }, 'Make them inactive', /What became of each address/],
  ['what is settled is withdrawn', '/liquidity/withdraw-settled', { chosen: true }, 'Withdraw them', /What became of each withdrawal/],
  ['a signature is calculated', '/webhooks/signature', { body: '{"id": "1", "type": "x", "data": {}}', secret: 'a secret', time: '1767225600000' }, 'Calculate', /t=1767225600000, v1=/],
  ['a wallet address is asked what others see', wallet, {}, 'Ask it now', /As others see it now/, `${wallet}/test`],
  ['another form of numbers is chosen', '/preferences', { numbers: 'apostrophe-point' }, 'Save', /1’234.56/],
  ['the form of numbers is that of the language again', '/preferences', { numbers: '' }, 'Save', /As in the language/],
  ['a grant is revoked', PAGES.grant, { keyword: 'revoke grant' }, 'Revoke this grant', /grant was revoked/i],
  ['an amount is converted', PAGES.rates, { amount: '100' }, 'Convert', /81\.34/],
  ['a view is saved', PAGES.views, { name: 'Incoming ones' }, 'Save this view', /Incoming ones/, '/views'],
  ['colours, density and time zone are chosen', '/preferences', { theme: 'dark', density: 'compact', zone: 'UTC' }, 'Save', /Colours/]
]

// What is searched for, and the beginning of the address that is opened, or of a link that is found.
const SEARCHES = [
  ['a payment by its id', '0bad0000-0000-4000-8000-000000000006', '/payments/outgoing/'],
  ['an asset by its id', 'a55e7000-0000-4000-8000-000000000001', '/assets/'],
  ['a wallet address by its URL', MINE, '/wallet-addresses/'],
  ['a wallet address by its pointer', '$cloud-nine.example/accounts/gfranklin', '/wallet-addresses/'],
  ['a peer by its ILP address', 'test.happy-life-bank', '/peers/'],
  ['a receiver by its URL', 'https://cloud-nine.example/incoming-payments/0bad0000-0000-4000-8000-000000000003', '/payments/incoming/'],
  ['an event by its id', '00000000-0000-0000-0000-0000e7e70001', '/webhook-events/data'],
  ['a text in metadata', 'Invoice 1004', '/payments/']
]

/** Every task. `check` takes its name and what it does. */
export async function tasks(check, browser, address) {
  const page = await signedIn(browser, address)
  const at = (path) => page.goto(address + path)
  const task = (name, body) => check(`by keyboard: ${name}`, body)

  for (const [name, path, fields, button, said, action = path] of FORMS) {
    await task(name, async () => {
      await at(path)
      await skip(page)
      const status = await sent(page, () => fill(page, action, fields, button))
      const text = await page.locator('main').textContent()
      assert.ok(status < 400, `status ${status}: ${text.slice(0, 300)}`)
      assert.match(text, said)
    })
  }
  for (const [name, text, opened] of SEARCHES) {
    await task(`${name} is found`, async () => {
      await at('/preferences')
      await page.keyboard.press('/')
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
      await page.waitForURL((url) => url.pathname !== '/preferences')
      const links = await page.locator(`main a[href^="${opened}"]`).count()
      assert.ok(new URL(page.url()).pathname.startsWith(opened) || links > 0, `${page.url()} has no link to ${opened}`)
    })
  }
  await ways(task, page, at)
  await dialogs(task, page, at)
  await page.context().close()
  await sessions(task, browser, address)
  await twoBrowsers(task, browser, address)
}

/** The ways between pages. */
async function ways(task, page, at) {
  await task('a payment is quoted, made, and its receiver asked', async () => {
    await at('/payments/create')
    await skip(page)
    const quote = { walletAddress: MINE, receiver: THEIRS, kind: 'receive', amount: '10.40' }
    await sent(page, () => fill(page, '/payments/create', quote, 'Get a quote'))
    await page.waitForURL('**/payments/quotes/*')
    await at(outgoing('06'))
    await skip(page)
    await press(page, 'Ask its institution')
    await page.waitForURL('**receiver=now')
    assert.match(await page.locator('main').textContent(), /Takes money/)
  })

  await task('the way leads from a payment to its account, to the other account, and to its owner', async () => {
    await at(PAGES['payment-completed'])
    await skip(page)
    await tabTo(page, 'main a[href^="/ledger/"]')
    const href = await page.evaluate(() => document.activeElement.getAttribute('href'))
    await page.keyboard.press('Enter')
    await page.waitForURL(`**${href}`)
    await skip(page)
    await press(page, 'Open its owner')
    await page.waitForURL('**/peers/*')
  })

  await task('the balance of an account at a past instant is asked for', async () => {
    await at(PAGES.account)
    await skip(page)
    await press(page, 'Add filter', 'summary')
    await tabTo(page, 'input[name=at]')
    await page.keyboard.type('11202026')
    await page.keyboard.press('Tab')
    await page.keyboard.type('0900AM')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.searchParams.get('at') === '2026-11-20T09:00')
    assert.match(await page.locator('.chip').textContent(), /2026/)
  })

  await task('a list is filtered, its address says so, and the filter is taken away', async () => {
    await at('/payments')
    await skip(page)
    await press(page, 'Add filter', 'summary')
    await tabTo(page, '.filter select[name=type]')
    await page.keyboard.press('ArrowDown')
    const chosen = await page.evaluate(() => document.activeElement.value)
    await press(page, 'Filter', '.filter button')
    await page.waitForURL((url) => url.searchParams.get('type') === chosen)
    await skip(page)
    await tabTo(page, '.chip a')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => !url.searchParams.has('type'))
  })

  await task('a column of a list is hidden, its address says so, and it is shown again', async () => {
    await at('/payments?type=OUTGOING')
    const heads = () => page.locator('thead th').allTextContents()
    assert.ok((await heads()).includes('Tenant'))
    await skip(page)
    await press(page, 'Columns', 'summary')
    await tabTo(page, '.toggles a[href*="hide=Tenant"]')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.searchParams.get('hide') === 'Tenant' && url.searchParams.get('type') === 'OUTGOING')
    assert.ok(!(await heads()).includes('Tenant'))
    await skip(page)
    await tabTo(page, '.toggles li:last-child a')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => !url.searchParams.has('hide'))
    assert.ok((await heads()).includes('Tenant'))
  })

  await task('the lists of one tenant are opened from its page, and the filter is taken away', async () => {
    await at(tenant)
    await skip(page)
    await tabTo(page, 'main dd a[href^="/payments?tenantId="]')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.pathname === '/payments' && url.searchParams.get('tenantId') === tenant.split('/').pop())
    await skip(page)
    await tabTo(page, '.chip a')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => !url.searchParams.has('tenantId'))
  })

  await task('times are shown in the zone that was chosen, and tables as dense', async () => {
    await at('/preferences')
    await skip(page)
    await sent(page, () => fill(page, '/preferences', { density: 'compact', zone: 'UTC' }, 'Save'))
    await at('/payments')
    const row = async () => (await page.locator('tbody tr').first().boundingBox()).height
    const dense = await row()
    assert.match(await page.locator('tbody time').first().getAttribute('title'), /UTC/)
    await at('/preferences')
    await skip(page)
    await sent(page, () => fill(page, '/preferences', { density: 'normal', zone: 'browser' }, 'Save'))
    await at('/payments')
    assert.ok((await row()) > dense, 'rows are as high as before')
  })

  await task('the balance of an account over time is read as a table', async () => {
    await at(PAGES.account)
    await skip(page)
    await press(page, 'As a table', 'summary')
    assert.ok(await page.locator('.chart:has(.steps) details[open] table').isVisible())
  })

  await task('a list is walked to its next page and back', async () => {
    await at('/payments')
    await skip(page)
    await press(page, 'Next', '.paging a')
    await page.waitForURL((url) => url.searchParams.has('after'))
    await skip(page)
    await press(page, 'Previous', '.paging a')
    await page.waitForURL((url) => url.searchParams.has('before'))
  })

  for (const [list, button] of [['payments', 'Export CSV'], ['payments', 'Export JSON'], ['audit', 'Export']]) {
    await task(`${list}: ${button}`, async () => {
      await at(`/${list}`)
      await skip(page)
      const [download] = await Promise.all([page.waitForEvent('download'), press(page, button)])
      assert.match(download.suggestedFilename(), new RegExp(`^${list}.*\\.(csv|json|jsonl)$`))
    })
  }

  await task('a fee is calculated', async () => {
    await at(fee.split('?')[0])
    await skip(page)
    await tabTo(page, '.find input')
    await page.keyboard.type('100')
    await page.keyboard.press('Enter')
    await page.waitForURL('**amount=100**')
    assert.match(await page.locator('main').textContent(), /101\.75/)
  })

  await task('a chart is read as a table, and an action as its API call', async () => {
    await at('/')
    await skip(page)
    await press(page, 'As a table', 'summary')
    assert.ok(await page.locator('.chart details[open] table').first().isVisible())
    await at(`${asset}/deposit-liquidity`)
    await skip(page)
    await press(page, 'Show the API call', 'form summary')
    assert.match(await page.locator('form details[open] pre').textContent(), /mutation/)
  })

  await task('what was written wrong has the focus, its reason is read with it, and nothing is lost', async () => {
    await at(`${asset}/deposit-liquidity`)
    await skip(page)
    const status = await sent(page, () => fill(page, `${asset}/deposit-liquidity`, { amount: '1.234' }, 'Deposit liquidity'))
    assert.equal(status, 422)
    assert.ok(await focused(page, '[name=amount][aria-invalid=true]'))
    const [value, reason] = await page.evaluate(() => {
      const ids = document.activeElement.getAttribute('aria-describedby').split(' ')
      return [document.activeElement.value, ids.map((id) => document.getElementById(id).textContent).join(' ')]
    })
    assert.equal(value, '1.234')
    assert.match(reason, /decimal places/)
  })
}

/** What opens over a page: it holds the focus, and gives it back. */
async function dialogs(task, page, at) {
  const inside = (dialog) => page.evaluate((dialog) => {
    const at = document.activeElement
    return at === document.body || Boolean(at.closest(dialog))
  }, dialog)

  await task('the palette holds the focus, chooses by arrows, and gives the focus back', async () => {
    await at('/payments')
    await skip(page)
    await tabTo(page, 'main tbody a')
    const before = await page.evaluate(() => document.activeElement.getAttribute('href'))
    await page.keyboard.press('Control+k')
    for (let pressed = 0; pressed < 5; pressed += 1) {
      await page.keyboard.press('Tab')
      assert.ok(await inside('#palette'), 'Tab leaves the palette')
    }
    await page.keyboard.press('Escape')
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), before)
    await page.keyboard.press('Control+k')
    await page.keyboard.type('peer')
    const chosen = () => page.locator('#commands [aria-selected=true]').textContent()
    const first = await chosen()
    await page.keyboard.press('ArrowDown')
    assert.notEqual(await chosen(), first)
    await page.keyboard.press('ArrowUp')
    assert.equal(await chosen(), first)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/peers')
  })

  await task('the keys are shown, hold the focus, and give it back', async () => {
    await at('/payments')
    await skip(page)
    await tabTo(page, 'main .actions a')
    await page.keyboard.press('?')
    for (let pressed = 0; pressed < 4; pressed += 1) {
      await page.keyboard.press('Tab')
      assert.ok(await inside('#keys'), 'Tab leaves the keys')
    }
    await page.keyboard.press('Escape')
    assert.ok(await focused(page, 'main .actions a'))
  })

  await task('the menu of a narrow window holds the focus, and gives it back', async () => {
    await page.setViewportSize({ width: 320, height: 700 })
    await at('/payments')
    await tabTo(page, '.menu')
    await page.keyboard.press('Enter')
    for (let pressed = 0; pressed < 20; pressed += 1) {
      assert.ok(await inside('.rail'), 'Tab leaves the menu')
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Escape')
    assert.ok(await focused(page, '.menu'))
    await page.keyboard.press('Enter')
    await press(page, 'Assets and fees', '.rail a')
    await page.waitForURL('**/assets')
    await page.setViewportSize({ width: 1440, height: 900 })
  })

  await task('single keys are turned off for people who dictate', async () => {
    await at('/preferences')
    await skip(page)
    await sent(page, () => fill(page, '/preferences', { keys: 'off' }, 'Save'))
    await at('/payments')
    for (const key of ['/', '?', 'j']) await page.keyboard.press(key)
    assert.ok(await focused(page, 'body'))
    await at('/preferences')
    await skip(page)
    await sent(page, () => fill(page, '/preferences', { keys: 'on' }, 'Save'))
  })
}

/** Signing in and out. */
async function sessions(task, browser, address) {
  await task('a read-only session is begun with id and secret, may change nothing, and is ended', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${address}/sign-in`)
    const who = { tenantId: '438fa74a-fa7d-4317-9ced-dde32ece1787', apiSecret: "the operator's secret of this test", readOnly: true }
    await sent(page, () => fill(page, '/sign-in', who, 'Sign in'))
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
    await page.goto(`${address}${asset}/deposit-liquidity`)
    await skip(page)
    const status = await sent(page, () => fill(page, `${asset}/deposit-liquidity`, { amount: '1' }, 'Deposit liquidity'))
    assert.equal(status, 403)
    await page.evaluate(() => document.activeElement.blur())
    await press(page, 'Sign out', 'button')
    await page.waitForURL('**/sign-in**')
    await context.close()
  })
}

/** One payment in two browsers: what is done in one is seen in the other, in place. */
async function twoBrowsers(task, browser, address) {
  const other = await launch()
  const watch = async (page, path) => {
    await page.goto(address + path)
    await page.locator('#sum', { hasText: 'Funding' }).waitFor()
    await page.evaluate(() => { window.sameDocument = true })
  }
  const sees = async (page, state) => {
    await page.locator('#sum', { hasText: state }).waitFor({ timeout: 3000 })
    assert.ok(await page.evaluate(() => window.sameDocument), 'the page was loaded again')
  }
  const [ann, bob] = [await signedIn(browser, address), await signedIn(other, address, { person: 1 })]

  await task('two browsers show one payment: it is cancelled in one, and the other shows it in place', async () => {
    const path = outgoing('24')
    await watch(bob, path)
    // Bob has opened a table and stands on a link. Both stay.
    await skip(bob)
    await press(bob, 'As a table', 'summary')
    await tabTo(bob, '.side a')
    const href = await bob.evaluate(() => document.activeElement.getAttribute('href'))
    await ann.goto(address + path)
    await skip(ann)
    await press(ann, 'Cancel payment')
    await ann.waitForURL('**/cancel')
    await skip(ann)
    await sent(ann, () => fill(ann, `${path}/cancel`, { reason: 'asked for', keyword: 'cancel payment' }, 'Cancel payment'))
    await sees(bob, 'Cancelled')
    assert.equal(await bob.locator('.head .actions a').count(), 0)
    assert.equal(await bob.evaluate(() => document.activeElement.getAttribute('href')), href, 'the focus stays')
  })

  await task('an action that is gone gives its focus to the main part, and other folds stay open', async () => {
    const path = outgoing('30')
    await watch(bob, path)
    await skip(bob)
    await tabTo(bob, '.head .actions a', 'Cancel payment')
    await bob.evaluate(() => { document.querySelector('.chart details').open = true })
    await ann.goto(`${address}${path}/cancel`)
    await skip(ann)
    await sent(ann, () => fill(ann, `${path}/cancel`, { keyword: 'cancel payment' }, 'Cancel payment'))
    await sees(bob, 'Cancelled')
    assert.ok(await focused(bob, '#main'))
    assert.ok(await bob.locator('.chart details').first().evaluate((fold) => fold.open))
  })

  await task('one asks for the deposit of a payment, the other approves it, and the first sees it sent', async () => {
    const path = outgoing('0c')
    const watching = await ann.context().newPage()
    await ann.goto(`${address}${path}/deposit-liquidity`)
    await skip(ann)
    await sent(ann, () => fill(ann, `${path}/deposit-liquidity`, {}, 'Deposit liquidity'))
    await ann.waitForURL('**/approvals/*')
    await watch(watching, path)
    await bob.goto(ann.url())
    await skip(bob)
    await sent(bob, () => press(bob, 'Approve and send', 'button'))
    assert.match(await bob.locator('.flash').textContent(), /approved and sent/)
    await sees(watching, 'Sending')
  })
  await task('a page that was just opened does not load itself once more, and one that missed a change does', async () => {
    const page = await ann.context().newPage()
    let again = 0
    page.on('request', (request) => { if (request.headers()['x-again']) again += 1 })
    // A second stream of the same page hears its first event not before the page itself does.
    const heard = () => page.evaluate(() => new Promise((resolve) => {
      const source = new EventSource(`/live?of=${location.pathname}`)
      source.addEventListener('open', ({ data }) => { if (data) { source.close(); requestAnimationFrame(() => setTimeout(() => resolve(data), 200)) } })
    }))
    for (const path of ['/', '/payments', outgoing('06'), '/liquidity', '/webhook-events', '/webhooks/deliveries']) {
      await page.goto(address + path)
      assert.equal(await heard(), await page.evaluate(() => document.body.dataset.live), path)
      assert.equal(again, 0, `${path} was loaded once more`)
    }
    await page.route(/\/payments\/outgoing\/[^/]+$/, async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, body: (await answer.text()).replace(/data-live="[^"]*"/, 'data-live="0123456789abcdef"') })
    })
    const [request] = await Promise.all([page.waitForRequest((request) => Boolean(request.headers()['x-again'])), page.goto(address + outgoing('06'))])
    assert.ok(request.url().endsWith(outgoing('06')))
    await page.close()
  })
  await ann.context().close()
  await other.close()
}
