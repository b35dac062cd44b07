// Glewlwyd, the provider of OAuth 2.0 that Debian ships, issues tokens to our client, and tells our service about tokens.
//
// Not a test of the provider: each case states what both sides must agree on. Its tokens are signed (RFC 9068), and its
// answers of introspection name no issuer. Ends with `N passed, M failed`.

import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OTHER, RATES, check, equal, finish, form, judges, startPeer } from '../service-peer.mjs'

// Where the package is unpacked, if it is not installed.
const installed = process.env.GLEWLWYD_ROOT ?? ''
const folder = mkdtempSync(join(tmpdir(), 'glewlwyd-'))
const port = await freePort()
const issuer = `http://localhost:${port}/api/oidc`
// It takes id and secret as they are sent, so they have no character that RFC 6749 section 2.3.1 encodes.
const client = ['cards', 'a-secret-of-its-own']

async function freePort() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function writeConfiguration() {
  const database = join(folder, 'glewlwyd.db')
  const schema = readFileSync(`${installed}/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3`)
  execFileSync('sqlite3', [database], { input: schema })
  const modules = `${installed}/usr/lib/glewlwyd`
  const settings = `port=${port}
bind_address="127.0.0.1"
external_url="http://localhost:${port}"
login_url="login.html"
api_prefix="api"
static_files_path="${folder}"
log_mode="console"
log_level="ERROR"
cookie_domain="localhost"
cookie_secure=0
session_expiration=3600
session_key="SESSION"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${modules}/user"
user_middleware_module_path="${modules}/user_middleware"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
hash_algorithm="SHA512"
database={ type="sqlite3" path="${database}" };
`
  writeFileSync(join(folder, 'glewlwyd.conf'), settings)
}

async function start() {
  const program = spawn(`${installed}/usr/bin/glewlwyd`, ['-c', join(folder, 'glewlwyd.conf')], { stdio: 'ignore' })
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`http://localhost:${port}/config`).catch(() => undefined)
    if (answer !== undefined) return program
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('glewlwyd does not start')
}

async function stop(program) {
  program.kill()
  await once(program, 'exit')
}

/** Its administrator has this password until somebody changes it. */
async function administrator() {
  const json = { 'content-type': 'application/json' }
  const login = { username: 'admin', password: 'password' }
  const url = `http://localhost:${port}/api`
  const answer = await fetch(`${url}/auth/`, { method: 'POST', headers: json, body: JSON.stringify(login) })
  const cookie = answer.headers.get('set-cookie').split(';')[0]
  return async (path, body) => {
    const headers = { ...json, cookie }
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  }
}

async function setUp() {
  const add = await administrator()
  for (const name of ['rates:read', 'other:read']) {
    await add('/scope/', { name, display_name: name, description: name, password_required: false, scheme: {} })
  }
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await add('/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    parameters: {
      iss: issuer,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: keys.publicKey.export({ type: 'spki', format: 'pem' }),
      'access-token-duration': 300,
      'refresh-token-duration': 300,
      'code-duration': 300,
      'refresh-token-rolling': false,
      'allow-non-oidc': true,
      'auth-type-client-enabled': true,
      'auth-type-code-enabled': false,
      'auth-type-token-enabled': false,
      'auth-type-id-token-enabled': true,
      'auth-type-none-enabled': false,
      'auth-type-password-enabled': false,
      'auth-type-refresh-enabled': false,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'introspection-revocation-auth-scope': [],
      'resource-allowed': true,
      'resource-scope': { 'rates:read': [RATES, OTHER], 'other:read': [RATES] },
      'resource-client-property': '',
      'resource-scope-and-client-property': false,
      'subject-type': 'public',
      'jwks-show': true
    }
  })
  await add('/client/', {
    client_id: client[0],
    name: 'our client',
    enabled: true,
    confidential: true,
    password: client[1],
    client_secret: client[1],
    authorization_type: ['client_credentials'],
    token_endpoint_auth_method: ['client_secret_basic'],
    scope: ['rates:read', 'other:read']
  })
}

async function issued(resource, scope) {
  const answer = await form(`${issuer}/token`, client, { grant_type: 'client_credentials', resource, scope })
  return (await answer.json()).access_token
}

writeConfiguration()
let program = await start()
await setUp()
const settings = { issuer, clientId: client[0], clientSecret: client[1] }
const asking = await startPeer(settings)
const verifying = await startPeer({ ...settings, validation: 'jwt' })
const both = await startPeer({ ...settings, validation: 'jwt+introspect' })

await check('a client with a secret gets a token that every service accepts', async () => {
  const token = await asking.token()
  equal(await asking.token(), token, 'the token is shared by all calls')
  for (const peer of [asking, verifying, both]) equal(await peer.rates(token), 200, 'the token is good')
})
await check('tokens are judged by introspection, by their signature, and by both', async () => {
  for (const peer of [asking, verifying, both]) await judges(peer, issued)
})
await check('a revoked token is refused at once by a service that asks', async () => {
  const token = await issued(RATES, 'rates:read')
  for (const peer of [asking, verifying, both]) equal(await peer.rates(token), 200, 'before')
  equal((await form(`${issuer}/revoke`, client, { token })).status, 200, 'it is revoked')
  equal(await asking.rates(token), 401, 'by introspection')
  equal(await both.rates(token), 401, 'by both')
})
await check('while the provider is away nobody is let in, and it goes on by itself', async () => {
  const token = await issued(RATES, 'rates:read')
  await stop(program)
  equal(await asking.rates(token), 503, 'away')
  program = await start()
  equal(await asking.rates(token), 200, 'back')
})

finish()
await stop(program)
rmSync(folder, { recursive: true })
