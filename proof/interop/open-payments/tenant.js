// A second tenant of an institution: its own wallet addresses, its own identity provider, its own webhooks.
//
// The tenant does everything itself with its own secret. The operator only creates it.

import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import openPayments from '@interledger/open-payments'
import { admin, decide } from './playground.js'

const { createAuthenticatedClient } = openPayments

const CONSENT_PAGE = 'https://second.example/consent'

/** Creates the tenant at `institution`, with two wallet addresses in USD. */
export async function openTenant(institution) {
  const [secret, idpSecret] = [randomUUID(), randomUUID()]
  // The operator's wallet addresses are at `localhost`, so the tenant's are at the other name of this machine.
  const own = new URL(institution.openPayments)
  own.hostname = '127.0.0.1'
  const prefix = own.origin.replace('http:', 'https:')

  const hooks = createServer((request, response) => deliver(request, response))
  hooks.listen(0, '127.0.0.1')
  await once(hooks, 'listening')
  const input = {
    apiSecret: secret,
    idpConsentUrl: CONSENT_PAGE,
    idpSecret,
    publicName: 'Second',
    settings: [
      { key: 'WALLET_ADDRESS_URL', value: prefix },
      { key: 'WEBHOOK_URL', value: `http://127.0.0.1:${hooks.address().port}/` }
    ]
  }
  const { createTenant } = await admin(institution, 'mutation T($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id } } }', { input })
  const facts = { ...institution.facts, tenantId: createTenant.tenant.id, adminSecret: secret }
  const act = (query, variables) => admin({ facts }, query, variables)

  /** Pays for each outgoing payment, as a wallet does. */
  async function deliver(request, response) {
    let body = ''
    for await (const piece of request) body += piece
    const { type, data } = JSON.parse(body)
    if (type === 'outgoing_payment.created') {
      const deposit = { outgoingPaymentId: data.id, idempotencyKey: `deposit ${data.id}` }
      await act('mutation D($input: DepositOutgoingPaymentLiquidityInput!) { depositOutgoingPaymentLiquidity(input: $input) { success } }', { input: deposit })
    }
    response.end()
  }

  const { createAsset } = await act('mutation A($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }', { input: { code: 'USD', scale: 2 } })
  for (const name of ['alice', 'bob']) {
    const input = { assetId: createAsset.asset.id, address: `${prefix}/${name}`, publicName: name }
    await act('mutation W($input: CreateWalletAddressInput!) { createWalletAddress(input: $input) { walletAddress { id } } }', { input })
  }

  const walletAddress = (name) => `${prefix}/${name}`
  return {
    openPayments: own.origin,
    auth: institution.auth,
    walletAddress,
    admin: act,
    async decide(redirect, choice) {
      const decided = await decide(institution, redirect, choice, idpSecret)
      assert.equal(decided.page.origin + decided.page.pathname, CONSENT_PAGE)
      return decided
    },
    async close() {
      hooks.closeAllConnections()
      hooks.close()
      await once(hooks, 'close')
    },
    steps: {
      'the grants of a tenant open nothing of another, and its owner consents nowhere else': async () => {
        const key = generateKeyPairSync('ed25519')
        const [keyId, url] = [`apart-${randomUUID()}`, walletAddress('alice')]
        const { walletAddressByUrl } = await act('query A($url: String!) { walletAddressByUrl(url: $url) { id } }', { url })
        const jwk = { kid: keyId, alg: 'EdDSA', kty: 'OKP', crv: 'Ed25519', x: key.publicKey.export({ format: 'jwk' }).x }
        const document = 'mutation K($input: CreateWalletAddressKeyInput!) { createWalletAddressKey(input: $input) { walletAddressKey { id } } }'
        await act(document, { input: { walletAddressId: walletAddressByUrl.id, jwk } })
        const client = await createAuthenticatedClient({ walletAddressUrl: url, privateKey: key.privateKey, keyId, useHttp: true })

        const [here, there] = [await client.walletAddress.get({ url }), await client.walletAddress.get({ url: institution.walletAddress('gfranklin') })]
        assert.ok(here.authServer.endsWith(`/${facts.tenantId}`), here.authServer)
        assert.ok(here.resourceServer.endsWith(`/${facts.tenantId}`), here.resourceServer)
        assert.notEqual(here.authServer, there.authServer)
        const access = [{ type: 'incoming-payment', actions: ['create', 'read'] }]
        const grant = await client.grant.request({ url: here.authServer }, { access_token: { access } })
        const body = { walletAddress: there.id }
        const refusals = [[here, 404, 'unknown wallet address'], [there, 403, 'Insufficient Grant']]
        for (const [{ resourceServer }, status, description] of refusals) {
          const call = client.incomingPayment.create({ url: resourceServer, accessToken: grant.access_token.value }, body)
          const error = await call.then(() => assert.fail('refused'), (error) => error)
          assert.deepEqual([error.status, error.description], [status, description])
        }

        const outgoing = [{ type: 'outgoing-payment', actions: ['create'], identifier: url }]
        const pending = await client.grant.request({ url: here.authServer }, { access_token: { access: outgoing }, interact: { start: ['redirect'] } })
        const { decided } = await decide(institution, pending.interact.redirect, 'accept')
        assert.equal(decided, 401, 'the secret of another identity provider')
      }
    }
  }
}
