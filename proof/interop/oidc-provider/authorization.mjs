// A certified provider whose clients get access to accounts: with authorization details (RFC 9396), for Rust tests.
//
// It prints `{"issuer"}`. `POST /control/authorize` goes the whole way of a browser to a code and its tokens; `refresh` and
// `revoke` beside it use them.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const [resource, tenant] = process.argv.slice(2)
// The one line of the output is read, and nothing else: notices of the package go to the errors.
console.info = console.error
const redirect = 'https://app.example/back'
const secret = 'secret'

const server = createServer()
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  scopes: ['openid', 'offline_access', 'incoming-payment:create'],
  clients: [
    {
      client_id: 'app',
      client_secret: secret,
      redirect_uris: [redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      authorization_details_types: ['open-payments']
    },
    { client_id: 'backend', client_secret: secret, redirect_uris: [], response_types: [], grant_types: [] }
  ],
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  // Each authorization has a grant of its own.
  loadExistingGrant: (context) => {
    const grantId = context.oidc.result?.consent?.grantId
    return grantId === undefined ? undefined : provider.Grant.find(grantId)
  },
  extraTokenClaims: (_context, token) => ({ tenant, authorization_id: token.grantId }),
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, indicator) => ({
        scope: 'incoming-payment:create',
        audience: indicator,
        accessTokenFormat: 'opaque'
      })
    },
    richAuthorizationRequests: {
      enabled: true,
      types: { 'open-payments': { validate: () => {} } },
      authorizationDetailsForGrantSource: (context) => JSON.parse(context.oidc.params.authorization_details),
      authorizationDetailsForAccessToken: (_context, _token, source) => source.rar,
      authorizationDetailsForIntrospection: (_context, token) => token.rar
    }
  }
})

/** Alice signs in and consents to everything, as one who presses the buttons. */
async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'alice' } })
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  grant.addOIDCScope('openid offline_access')
  for (const detail of JSON.parse(params.authorization_details)) grant.addRar(detail)
  const result = { consent: { grantId: await grant.save() } }
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
}

async function tokens(path, members) {
  const basic = Buffer.from(`app:${secret}`).toString('base64')
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await fetch(`${issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(members) })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

/** What a browser does between the client's two addresses. */
async function authorize({ details }) {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: redirect,
    scope: 'openid offline_access',
    prompt: 'consent',
    resource,
    authorization_details: JSON.stringify(details),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256'
  })
  const cookies = new Map()
  let at = `${issuer}/auth?${query}`
  while (!at.startsWith(redirect)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(at, { redirect: 'manual', headers: { cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      cookies.set(name, value)
    }
    const next = answer.headers.get('location')
    if (next === null) throw new Error(`${at}: ${answer.status} ${await answer.text()}`)
    at = new URL(next, at).href
  }
  const code = new URL(at).searchParams.get('code')
  if (code === null) throw new Error(`no code: ${at}`)
  return tokens('/token', { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier, resource })
}

const control = {
  authorize,
  refresh: ({ token }) => tokens('/token', { grant_type: 'refresh_token', refresh_token: token }),
  revoke: ({ token }) => tokens('/token/revocation', { token })
}

const handle = provider.callback()
server.on('request', async (request, response) => {
  const [, first, second] = request.url.split('/')
  if (first !== 'control' && first !== 'interaction') return handle(request, response)
  try {
    if (first === 'interaction') return await interact(request, response)
    let body = ''
    for await (const part of request) body += part
    response.end(JSON.stringify(await control[second](JSON.parse(body))))
  } catch (error) {
    response.statusCode = 500
    response.end(String(error.stack))
  }
})
// It ends with the test that started it.
process.stdin.on('end', () => process.exit()).resume()
console.log(JSON.stringify({ issuer }))
