// What the suites about providers of OAuth 2.0 have in common: our client and our service as one process, and the count.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const RATES = 'https://rates.example'
export const OTHER = 'https://other.example'
const root = fileURLToPath(new URL('../..', import.meta.url))

const peers = []

/** Our client and our service, with these settings of `examples/service_peer.rs`. */
export async function startPeer(settings) {
  const argument = JSON.stringify({ audience: RATES, ...settings })
  const arguments_ = ['run', '--quiet', '--package', 'service-identity', '--example', 'service_peer', '--', argument]
  const child = spawn('cargo', arguments_, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  // Cargo runs the peer as its child; both are in the group of this one process.
  peers.push(() => process.kill(-child.pid))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const url = `http://127.0.0.1:${JSON.parse(line).port}`
  return {
    token: async () => {
      const answer = await fetch(`${url}/token`)
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
      return answer.text()
    },
    rates: async (token) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await fetch(`${url}/rates`, { headers })).status
    }
  }
}

/** A `POST` of a form to the provider, by a client with a secret. */
export async function form(url, [id, secret], members) {
  const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' }
  return fetch(url, { method: 'POST', headers, body: new URLSearchParams(members) })
}

/** What every service does with tokens of a provider. `issued` gets one for a resource and a scope. */
export async function judges(peer, issued) {
  equal(await peer.rates(), 401, 'no token')
  equal(await peer.rates('guess'), 401, 'an unknown token')
  equal(await peer.rates(await issued(OTHER, 'rates:read')), 401, 'a token for another service')
  equal(await peer.rates(await issued(RATES, 'other:read')), 403, 'a token that does not allow it')
  equal(await peer.rates(await issued(RATES, 'rates:read')), 200, 'a good token')
}

let passed = 0
let failed = 0

export async function check(name, body) {
  try {
    await body()
    passed += 1
  } catch (error) {
    failed += 1
    console.error(`FAILED: ${name}: ${error.message}`)
  }
}

export function equal(got, expected, what) {
  if (got !== expected) throw new Error(`${what}: ${got}, not ${expected}`)
}

/** Stops the peers and prints the count. */
export function finish() {
  peers.forEach((stop) => stop())
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
