// The published client walks through everything a wallet's customer and a shop do, at one institution and another.
//
// Each step builds on those before it. Who starts the institutions is in `run.js`.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import openPayments from '@interledger/open-payments'
import { seen } from './contract.js'

const { createAuthenticatedClient, createUnauthenticatedClient, isPendingGrant } = openPayments

const newKey = () => generateKeyPairSync('ed25519')
const jwkOf = (key, kid) => ({ kid, alg: 'EdDSA', kty: 'OKP', crv: 'Ed25519', x: key.publicKey.export({ format: 'jwk' }).x })

/** Expects a refusal with this status. */
async function refused(status, call, description) {
  const error = await call.then(() => assert.fail(`expected ${status}`), (error) => error)
  assert.equal(error.status, status, `${error.status} ${error.description}`)
  if (description) assert.match(error.description, description)
}

/** Asks until `done` says so; payments take a moment. */
async function until(ask, done) {
  for (const end = Date.now() + 30_000; Date.now() < end; await pause(100)) {
    const answer = await ask()
    if (done(answer)) return answer
  }
  assert.fail('waited in vain')
}

const usd = (value) => ({ value: String(value), assetCode: 'USD', assetScale: 2 })

/**
 * The steps of a walk in which `payer` pays `payee`, both wallet addresses.
 *
 * `admin` runs a GraphQL document as the payer's tenant. `decide` is what the owner does in a browser.
 */
export function walk({ payer, payee, admin, decide }) {
  const KEY = `interop-${randomUUID()}`
  const clientWith = (key, keyId = KEY) =>
    createAuthenticatedClient({ walletAddressUrl: payer, privateKey: key.privateKey, keyId, useHttp: true })

  /** Publishes `key` at the payer's wallet address; its id there. */
  async function publish(key, kid = KEY) {
    const { walletAddressByUrl } = await admin('query A($url: String!) { walletAddressByUrl(url: $url) { id } }', { url: payer })
    const document = 'mutation K($input: CreateWalletAddressKeyInput!) { createWalletAddressKey(input: $input) { walletAddressKey { id } } }'
    const input = { walletAddressId: walletAddressByUrl.id, jwk: jwkOf(key, kid) }
    return (await admin(document, { input })).createWalletAddressKey.walletAddressKey.id
  }

  const revoke = (id) =>
    admin('mutation R($input: RevokeWalletAddressKeyInput!) { revokeWalletAddressKey(input: $input) { walletAddressKey { revoked } } }', { input: { id } })

  const state = { key: newKey() }
  const grantFor = (client, { authServer }, access, interact, override) =>
    client.grant.request({ url: authServer }, { access_token: { access }, ...(interact && { interact }) }, override)
  const incomingAccess = [{ type: 'incoming-payment', actions: ['create', 'read', 'list', 'complete'] }]
  const incoming = (body = {}) => state.client.incomingPayment.create({ url: state.payee.resourceServer, accessToken: state.incomingToken }, { walletAddress: payee, ...body })
  const quoteFor = (body) => state.client.quote.create({ url: state.payer.resourceServer, accessToken: state.quoteToken }, { walletAddress: payer, method: 'ilp', ...body })
  const pay = (token, body) => state.client.outgoingPayment.create({ url: state.payer.resourceServer, accessToken: token }, { walletAddress: payer, ...body })
  const outgoingAccess = (limits) => [{ type: 'outgoing-payment', actions: ['create', 'read', 'list'], identifier: payer, ...(limits && { limits }) }]

  /** A grant to pay, with the owner's consent told by redirect. */
  async function consented(limits) {
    const nonce = randomUUID()
    const finish = { method: 'redirect', uri: 'http://localhost:9/done?shop=1', nonce }
    const grant = await grantFor(state.client, state.payer, outgoingAccess(limits), { start: ['redirect'], finish })
    assert.ok(isPendingGrant(grant))
    const asked = Date.now()
    const { location, decided, asked: shown } = await decide(grant.interact.redirect, 'accept')
    assert.equal(decided, 202)
    assert.equal(shown.access[0].type, 'outgoing-payment')
    const back = new URL(location)
    const reference = back.searchParams.get('interact_ref')
    const lines = [nonce, grant.interact.finish, reference, state.payer.authServer].join('\n')
    assert.equal(back.searchParams.get('hash'), createHash('sha256').update(lines).digest('base64'))
    assert.equal(back.searchParams.get('shop'), '1')
    await pause(Math.max(0, grant.continue.wait * 1000 - (Date.now() - asked) + 50))
    const issued = await state.client.grant.continue({ url: grant.continue.uri, accessToken: grant.continue.access_token.value }, { interact_ref: reference })
    return issued.access_token
  }

  return {
    'a wallet address and its keys are read': async () => {
      await publish(state.key)
      state.client = await clientWith(state.key)
      state.payer = await state.client.walletAddress.get({ url: payer })
      state.payee = await state.client.walletAddress.get({ url: payee })
      const { keys } = await state.client.walletAddress.getKeys({ url: payer })
      assert.deepEqual(keys.find(({ kid }) => kid === KEY), jwkOf(state.key, KEY))
    },
    'a grant for incoming payments needs no interaction': async () => {
      const grant = await grantFor(state.client, state.payee, incomingAccess)
      assert.ok(!isPendingGrant(grant))
      state.incomingToken = grant.access_token.value
      state.incomingManage = grant.access_token.manage
    },
    'an incoming payment is created, read and listed': async () => {
      const expiresAt = new Date(Date.now() + 600_000).toISOString()
      state.asked = await incoming({ incomingAmount: usd(500), expiresAt, metadata: { order: 'ä1' } })
      assert.equal(state.asked.expiresAt, expiresAt)
      assert.equal(state.asked.methods[0].type, 'ilp')
      const read = await state.client.incomingPayment.get({ url: state.asked.id, accessToken: state.incomingToken })
      assert.deepEqual(read.metadata, { order: 'ä1' })
      const page = await state.client.incomingPayment.list({ url: state.payee.resourceServer, walletAddress: payee, accessToken: state.incomingToken }, { first: 1 })
      assert.equal(page.result[0].id, state.asked.id)
    },
    'anybody sees what an incoming payment has received': async () => {
      const anybody = await createUnauthenticatedClient({ useHttp: true })
      const view = await anybody.incomingPayment.get({ url: state.asked.id })
      assert.deepEqual(view.receivedAmount, usd(0))
    },
    'quotes are made of a debit amount, a receive amount, and of what the receiver expects': async () => {
      const grant = await grantFor(state.client, state.payer, [{ type: 'quote', actions: ['create', 'read'] }])
      state.quoteToken = grant.access_token.value
      const open = await incoming()
      const debit = await quoteFor({ receiver: open.id, debitAmount: usd(1000) })
      assert.deepEqual(debit.debitAmount, usd(1000))
      const receive = await quoteFor({ receiver: open.id, receiveAmount: usd(300) })
      assert.deepEqual(receive.receiveAmount, usd(300))
      state.quote = await quoteFor({ receiver: state.asked.id })
      assert.deepEqual(state.quote.receiveAmount, usd(500))
      const read = await state.client.quote.get({ url: state.quote.id, accessToken: state.quoteToken })
      assert.deepEqual(read, state.quote)
    },
    'a payment needs the consent of the owner, who is asked and sent back': async () => {
      const token = await consented({ debitAmount: usd(4000), interval: `R/${new Date(Date.now() - 1000).toISOString()}/P1D` })
      state.outgoingToken = token.value
      state.outgoingManage = token.manage
    },
    'a quote is paid and arrives': async () => {
      const payment = await pay(state.outgoingToken, { quoteId: state.quote.id, metadata: { for: 'tea' } })
      assert.deepEqual(payment.grantSpentDebitAmount, usd(0))
      await until(() => state.client.incomingPayment.get({ url: state.asked.id, accessToken: state.incomingToken }), ({ completed }) => completed)
      const sent = await until(
        () => state.client.outgoingPayment.get({ url: payment.id, accessToken: state.outgoingToken }),
        ({ sentAmount }) => sentAmount.value !== '0'
      )
      assert.equal(sent.failed, false)
      await refused(400, pay(state.outgoingToken, { quoteId: state.quote.id }), /invalid quote/)
    },
    'three equal payments in one second are three payments': async () => {
      const open = await incoming()
      const body = { incomingPayment: open.id, debitAmount: usd(200) }
      const payments = await Promise.all([1, 2, 3].map(() => pay(state.outgoingToken, body)))
      assert.equal(new Set(payments.map(({ id }) => id)).size, 3)
      const received = () => state.client.incomingPayment.get({ url: open.id, accessToken: state.incomingToken })
      const arrived = await until(received, ({ receivedAmount }) => Number(receivedAmount.value) > 2 * Number(payments[0].receiveAmount.value))
      assert.equal(Number(arrived.receivedAmount.value), 3 * Number(payments[0].receiveAmount.value))
      state.open = open
    },
    'payments are listed page by page, newest first': async () => {
      const list = (page) => state.client.outgoingPayment.list({ url: state.payer.resourceServer, walletAddress: payer, accessToken: state.outgoingToken }, page)
      const first = await list({ first: 3 })
      assert.equal(first.result.length, 3)
      assert.equal(first.pagination.hasNextPage, true)
      const rest = await list({ first: 3, cursor: first.pagination.endCursor })
      assert.deepEqual(rest.result.map(({ metadata }) => metadata), [{ for: 'tea' }])
      assert.equal(rest.pagination.hasNextPage, false)
      const back = await list({ last: 3, cursor: rest.pagination.startCursor })
      assert.deepEqual(back.result.map(({ id }) => id), first.result.map(({ id }) => id))
    },
    'what a grant has spent is what was debited': async () => {
      const spent = await state.client.outgoingPayment.getGrantSpentAmounts({ url: state.payer.resourceServer, accessToken: state.outgoingToken })
      assert.equal(Number(spent.spentDebitAmount.value), 600 + Number(state.quote.debitAmount.value))
    },
    'the limit of a grant holds to the last cent': async () => {
      const spent = await state.client.outgoingPayment.getGrantSpentAmounts({ url: state.payer.resourceServer, accessToken: state.outgoingToken })
      const rest = 4000 - Number(spent.spentDebitAmount.value)
      await refused(403, pay(state.outgoingToken, { incomingPayment: state.open.id, debitAmount: usd(rest + 1) }))
      await pay(state.outgoingToken, { incomingPayment: state.open.id, debitAmount: usd(rest) })
    },
    'an incoming payment is completed by its creator': async () => {
      const open = await incoming()
      const done = await state.client.incomingPayment.complete({ url: open.id, accessToken: state.incomingToken })
      assert.equal(done.completed, true)
      await refused(409, state.client.incomingPayment.complete({ url: open.id, accessToken: state.incomingToken }), /wrong state/)
    },
    'a client that cannot be sent back polls until the owner has decided': async () => {
      const grant = await grantFor(state.client, state.payer, outgoingAccess(), { start: ['redirect'] })
      const poll = (uri, token) => state.client.grant.continue({ url: uri, accessToken: token })
      await refused(400, poll(grant.continue.uri, grant.continue.access_token.value))
      await pause(grant.continue.wait * 1000 + 50)
      const waiting = await poll(grant.continue.uri, grant.continue.access_token.value)
      assert.equal(waiting.access_token, undefined)
      const { status, location } = await decide(grant.interact.redirect, 'accept')
      assert.deepEqual([status, location], [202, null])
      await pause(waiting.continue.wait * 1000 + 50)
      const issued = await poll(waiting.continue.uri, waiting.continue.access_token.value)
      assert.ok(issued.access_token.value)
    },
    'a grant that the owner refuses gives nothing': async () => {
      const finish = { method: 'redirect', uri: 'http://localhost:9/done', nonce: 'n' }
      const grant = await grantFor(state.client, state.payer, outgoingAccess(), { start: ['redirect'], finish })
      const { location } = await decide(grant.interact.redirect, 'reject')
      assert.equal(new URL(location).searchParams.get('result'), 'grant_rejected')
    },
    'a client known by its key alone gets a grant and uses it': async () => {
      const key = newKey()
      const client = await clientWith(key, 'directed')
      const grant = await grantFor(client, state.payee, incomingAccess, undefined, { jwk: jwkOf(key, 'directed') })
      const accessToken = grant.access_token.value
      const made = await client.incomingPayment.create({ url: state.payee.resourceServer, accessToken }, { walletAddress: payee })
      assert.equal((await client.incomingPayment.get({ url: made.id, accessToken })).id, made.id)
      const list = await client.incomingPayment.list({ url: state.payee.resourceServer, walletAddress: payee, accessToken })
      assert.deepEqual(list.result.map(({ id }) => id), [made.id])
    },
    'a client that insists on https reaches the playground through a proxy': async () => {
      const secure = await createAuthenticatedClient({ walletAddressUrl: payer, privateKey: state.key.privateKey, keyId: KEY })
      const read = await secure.incomingPayment.get({ url: state.open.id, accessToken: state.incomingToken })
      assert.equal(read.id, state.open.id)
      assert.ok(state.open.id.startsWith('https:'))
    },
    'a token is rotated, and the old one is worth nothing': async () => {
      const rotated = await state.client.token.rotate({ url: state.incomingManage, accessToken: state.incomingToken })
      await refused(403, incoming(), /Inactive Token/)
      state.incomingToken = rotated.access_token.value
      state.incomingManage = rotated.access_token.manage
      await incoming()
    },
    'a token is revoked': async () => {
      await state.client.token.revoke({ url: state.incomingManage, accessToken: state.incomingToken })
      await refused(403, incoming(), /Inactive Token/)
    },
    'a grant is cancelled': async () => {
      const grant = await grantFor(state.client, state.payee, incomingAccess)
      const token = grant.access_token.value
      await state.client.grant.cancel({ url: grant.continue.uri, accessToken: grant.continue.access_token.value })
      const body = { walletAddress: payee }
      await refused(403, state.client.incomingPayment.create({ url: state.payee.resourceServer, accessToken: token }, body), /Inactive Token/)
    },
    'a key that is replaced under its name is refused at once, and the new one accepted, by all servers': async () => {
      const [first, second, kid] = [newKey(), newKey(), `replaced-${randomUUID()}`]
      const id = await publish(first, kid)
      const [old, renewed] = [await clientWith(first, kid), await clientWith(second, kid)]
      const ask = (client, address) => grantFor(client, address, incomingAccess)
      const use = (client, accessToken) => client.incomingPayment.create({ url: state.payee.resourceServer, accessToken }, { walletAddress: payee })
      const grant = await ask(old, state.payee)
      await use(old, grant.access_token.value)
      await ask(old, state.payer)
      await revoke(id)
      await publish(second, kid)
      for (const address of [state.payer, state.payee]) {
        await refused(401, ask(old, address), /invalid signature/)
        await ask(renewed, address)
      }
      await refused(401, use(old, grant.access_token.value), /Signature validation error/)
      await use(renewed, grant.access_token.value)
    },
    'every answer was as the published documents say': async () => {
      assert.deepEqual(seen.problems, [])
      assert.ok(seen.answers >= 50, `${seen.answers} answers checked`)
      assert.ok(seen.refusals >= 10, `${seen.refusals} refusals checked`)
    }
  }
}
