// A certified provider issues tokens to our client, and tells our service about tokens, over real HTTP.
//
// Not a test of the provider: each case states what both sides must agree on. Ends with `N passed, M failed`.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { OTHER, RATES, check, equal, finish, form, judges, startPeer } from '../service-peer.mjs'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = ec.privateKey.export({ type: 'pkcs8', format: 'pem' })
const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })

/** What the provider gives for a resource; `format` says which kind of token. */
let format = 'opaque'
let life = 300

const machine = {
  redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
  scope: 'rates:read other:read'
}
const configuration = {
  scopes: ['rates:read', 'other:read'],
  clients: [
    { ...machine, client_id: 'by secret', client_secret: 'a secret: with % signs' },
    {
      ...machine,
      client_id: 'by key',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [ec.publicKey.export({ format: 'jwk' })] }
    }
  ],
  jwks: { keys: [{ ...signing, use: 'sig', kid: 'signing' }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: 'rates:read other:read',
        audience: resource,
        accessTokenTTL: life,
        accessTokenFormat: format
      })
    }
  }
}

const server = createServer()
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`
const provider = new Provider(issuer, configuration)
const handle = provider.callback()
let away = false
server.on('request', (request, response) => {
  if (away) {
    response.statusCode = 503
    response.end()
  } else {
    handle(request, response)
  }
})

const client = ['by secret', 'a secret: with % signs']
async function issued(resource, scope) {
  const answer = await form(`${issuer}/token`, client, { grant_type: 'client_credentials', resource, scope })
  return (await answer.json()).access_token
}

const bySecret = await startPeer({ issuer, clientId: 'by secret', clientSecret: 'a secret: with % signs' })
const byKey = await startPeer({ issuer, clientId: 'by key', keyPem: pem })
const byJwt = await startPeer({ issuer, clientId: 'by secret', clientSecret: 'a secret: with % signs', validation: 'jwt' })

await check('a client with a secret gets a token that the service accepts', async () => {
  const token = await bySecret.token()
  equal(await bySecret.token(), token, 'the token is shared by all calls')
  equal(await bySecret.rates(token), 200, 'the token is good')
})
await check('a client with a key gets a token and asks about tokens', async () => {
  equal(await byKey.rates(await byKey.token()), 200, 'the token is good')
})
await check('opaque tokens are judged by introspection', async () => {
  await judges(bySecret, issued)
  await judges(byKey, issued)
})
await check('a revoked token is refused at once', async () => {
  const token = await issued(RATES, 'rates:read')
  equal(await bySecret.rates(token), 200, 'before')
  await form(`${issuer}/token/revocation`, client, { token })
  equal(await bySecret.rates(token), 401, 'after')
})
await check('a service that checks signatures does not accept opaque tokens', async () => {
  equal(await byJwt.rates(await issued(RATES, 'rates:read')), 401, 'opaque')
})

format = 'jwt'
await check('signed tokens are judged by their signature', async () => {
  await judges(byJwt, issued)
})
await check('a signed token that was changed is refused', async () => {
  const [header, claims, signature] = (await issued(RATES, 'other:read')).split('.')
  const better = JSON.parse(Buffer.from(claims, 'base64url').toString())
  better.scope = 'rates:read'
  const changed = Buffer.from(JSON.stringify(better)).toString('base64url')
  equal(await byJwt.rates(`${header}.${changed}.${signature}`), 401, 'changed claims')
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')
  equal(await byJwt.rates(`${none}.${changed}.`), 401, 'no signature')
})

format = 'opaque'
await check('while the provider is away nobody is let in, and it goes on by itself', async () => {
  const token = await issued(RATES, 'rates:read')
  away = true
  equal(await bySecret.rates(token), 503, 'away')
  away = false
  equal(await bySecret.rates(token), 200, 'back')
})

finish()
server.close()
server.closeAllConnections()
