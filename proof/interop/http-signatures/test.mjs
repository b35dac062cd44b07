// The published package signs for our verifier, and verifies what our client signs, over real HTTP.
//
// Not a test of the package: each case states what both sides must agree on. Ends with `N passed, M failed`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import utils from '@interledger/http-signature-utils'

const { createHeaders, generateJwk, generateKey, getKeyId, validateSignature, validateSignatureHeaders } = utils

const privateKey = generateKey()
const keyId = 'their-key'

async function startPeer() {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const jwk = JSON.stringify(generateJwk({ privateKey, keyId }))
  const arguments_ = ['run', '--quiet', '--package', 'outbound-http', '--example', 'signature_peer', '--', jwk]
  const child = spawn('cargo', arguments_, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  // Cargo runs the peer as its child; both are in the group of this one process.
  return { ...JSON.parse(line), stop: () => process.kill(-child.pid) }
}

const peer = await startPeer()
const peerUrl = `http://127.0.0.1:${peer.port}`

/** Sends what the package signed; `change` may spoil it after signing. */
async function sendSigned({ method, path, body, token, change = (sent) => sent }) {
  const headers = { accept: 'application/json', ...(token && { authorization: `GNAP ${token}` }) }
  const request = { method, url: `${peerUrl}${path}`, headers, ...(body && { body: JSON.stringify(body) }) }
  const made = await createHeaders({ request, privateKey, keyId })
  const sent = change({ ...request, headers: { ...headers, ...made } })
  const response = await fetch(sent.url, { method: sent.method, headers: sent.headers, body: sent.body })
  return response.status
}

/** What the package thinks of the requests our client sends it. */
const server = createServer(async (request, response) => {
  const chunks = await request.toArray()
  const text = Buffer.concat(chunks).toString()
  // The servers of the original hand the parsed body on in its compact form, and {} when there is none.
  const body = JSON.stringify(text ? JSON.parse(text) : {})
  const seen = { method: request.method, url: `http://${request.headers.host}${request.url}`, headers: request.headers, body }
  const named = getKeyId(request.headers['signature-input'] ?? '')
  const valid = validateSignatureHeaders(seen) && (await validateSignature(peer.jwk, seen))
  response.statusCode = valid && named === peer.jwk.kid ? 200 : 401
  response.end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const ownUrl = `http://127.0.0.1:${server.address().port}`

async function callFromPeer(call) {
  const response = await fetch(`${peerUrl}/call`, { method: 'POST', body: JSON.stringify({ ...call, url: ownUrl + call.path }) })
  return response.status
}

const grant = { access_token: { access: [{ type: 'incoming-payment', actions: ['create', 'read'] }] }, client: 'https://c.example/ä' }
const awkward = { b: 1.5, 10: 'x', 9: '"\\\u2028\u0001', nested: { emoji: '🙂', list: [1e21, 0.1, -0, true, null] } }

const cases = {
  'we accept a signed grant request': async () => (await sendSigned({ method: 'POST', path: '/', body: grant })) === 200,
  'we accept a body with numbers, escapes and index-like names': async () =>
    (await sendSigned({ method: 'POST', path: '/a', body: awkward, token: 't' })) === 200,
  'we accept a GET with token and query': async () =>
    (await sendSigned({ method: 'GET', path: '/incoming-payments?wallet-address=https%3A%2F%2Fa.example%2Fb&first=1', token: 't' })) === 200,
  'we accept a DELETE with token': async () => (await sendSigned({ method: 'DELETE', path: '/token/1', token: 't' })) === 200,
  'we refuse another body': async () => {
    const change = (sent) => ({ ...sent, body: sent.body.replace('create', 'delete') })
    return (await sendSigned({ method: 'POST', path: '/', body: grant, change })) === 401
  },
  'we refuse another path': async () =>
    (await sendSigned({ method: 'GET', path: '/a', token: 't', change: (sent) => ({ ...sent, url: `${sent.url}b` }) })) === 401,
  'we refuse another token': async () => {
    const change = (sent) => ({ ...sent, headers: { ...sent.headers, authorization: 'GNAP u' } })
    return (await sendSigned({ method: 'GET', path: '/a', token: 't', change })) === 401
  },
  'they accept our signed POST': async () => (await callFromPeer({ method: 'POST', path: '/', body: grant })) === 200,
  'they accept our POST with awkward JSON and a token': async () =>
    (await callFromPeer({ method: 'POST', path: '/x?y=%20z', body: awkward, token: 't' })) === 200,
  'they accept our POST without a body': async () => (await callFromPeer({ method: 'POST', path: '/1/complete', token: 't' })) === 200,
  'they accept our GET with a token': async () => (await callFromPeer({ method: 'GET', path: '/a?b=c', token: 't' })) === 200,
  'they accept our DELETE with a token': async () => (await callFromPeer({ method: 'DELETE', path: '/token/1', token: 't' })) === 200
}

let failed = 0
for (const [name, holds] of Object.entries(cases)) {
  const held = await holds().catch((error) => (console.error(error), false))
  if (!held) {
    failed += 1
    console.error(`FAILED ${name}`)
  }
}
server.close()
peer.stop()
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
