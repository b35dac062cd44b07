// Two institutions of the built binary, and what an operator may do there.
//
// Not a client of Open Payments: the Admin API and the identity provider's API are called by their own rules.

import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Of the playground, as its documentation tells. */
const IDENTITY_PROVIDER_SECRET = '2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE='

/** The first of forty free ports in a row. */
async function freePorts() {
  const isFree = (port) =>
    new Promise((resolve) => {
      const server = createServer().once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
  for (let base = 31000 + (process.pid % 200) * 40; base < 60000; base += 40) {
    const free = await Promise.all(Array.from({ length: 40 }, (_, n) => isFree(base + n)))
    if (free.every(Boolean)) return base
  }
  throw new Error('no forty free ports in a row')
}

export async function startPlayground(environment = {}) {
  const [root, data, base] = [fileURLToPath(new URL('../../..', import.meta.url)), await mkdtemp(join(tmpdir(), 'playground-')), await freePorts()]
  const options = ['dev', '--ports', String(base), '--data-dir', data]
  const child = spawn('cargo', ['run', '--quiet', '--package', 'rafiki', '--', ...options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, LOG_LEVEL: 'warn', ...environment }
  })
  // Cargo runs the playground as its child; both are in the group of this one process, and end with the test.
  const end = () => process.kill(-child.pid)
  process.once('exit', end)
  const stop = async () => {
    process.off('exit', end)
    end()
    await once(child, 'exit')
    await rm(data, { recursive: true, force: true })
  }
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break
  child.stdout.resume()
  const institution = async (name, first) => {
    const facts = JSON.parse(await readFile(join(data, `dev-${name}.json`), 'utf8'))
    const local = (port) => `http://localhost:${port}`
    return {
      facts,
      openPayments: local(first),
      auth: local(first + 4),
      interaction: local(first + 6),
      walletAddress: (name) => `https://localhost:${first}/accounts/${name}`
    }
  }
  return { stop, cloudNine: await institution('cloud-nine', base), happyLife: await institution('happy-life', base + 20) }
}

/** RFC 8785 for the values sent here: texts, integers, lists and objects. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
  return `{${members.join(',')}}`
}

/** Runs a GraphQL document as the operator of an institution, or as a tenant whose facts these are. */
export async function admin({ facts }, query, variables) {
  const [body, time] = [{ query, variables }, Date.now()]
  const digest = createHmac('sha256', facts.adminSecret).update(`${time}.${canonical(body)}`).digest('hex')
  const headers = { 'content-type': 'application/json', 'tenant-id': facts.tenantId, signature: `t=${time}, v1=${digest}` }
  const response = await fetch(facts.adminUrl, { method: 'POST', headers, body: JSON.stringify(body) })
  const answer = await response.json()
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

/** What the owner of an account does in a browser: consents, or not. Where the browser is sent in the end. */
export async function decide(institution, redirect, choice, secret = IDENTITY_PROVIDER_SECRET) {
  const start = await fetch(redirect, { redirect: 'manual' })
  const cookie = start.headers.getSetCookie().map((set) => set.split(';')[0]).join('; ')
  const page = new URL(start.headers.get('location'))
  const [id, nonce] = ['interactId', 'nonce'].map((name) => page.searchParams.get(name))
  const headers = { 'x-idp-secret': secret }
  const asked = await fetch(`${institution.interaction}/grant/${id}/${nonce}`, { headers })
  const decided = await fetch(`${institution.interaction}/grant/${id}/${nonce}/${choice}`, { method: 'POST', headers })
  const finished = await fetch(`${institution.auth}/interact/${id}/${nonce}/finish`, { redirect: 'manual', headers: { cookie } })
  return { page, asked: await asked.json(), decided: decided.status, status: finished.status, location: finished.headers.get('location') }
}
