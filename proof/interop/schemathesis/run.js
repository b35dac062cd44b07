// Schemathesis, the published fuzzer of OpenAPI documents, against a playground: no answer may have a status of 500 or more.
//
// Not a check of what the answers say: `../open-payments` does that. Ends each API with `N passed, M failed`.

import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPlayground } from '../open-payments/playground.js'
import { Client, plainUrl } from './client.js'
import { changed, startProxy } from './proxy.js'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const SEED = '20260101'
/** For each operation. Many more would have more than 120 refusals of a signature or token in a minute, and be held back. */
const EXAMPLES = '30'

/** The pinned packages in a virtual environment of their own, made once for each list of packages. */
function install() {
  const list = here('./requirements.txt')
  const mark = createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 12)
  const target = process.env.CARGO_TARGET_DIR ?? here('../../../target')
  const folder = join(target, 'interop', `schemathesis-${mark}`)
  if (!existsSync(join(folder, 'complete'))) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--requirement', list]
    execFileSync(join(folder, 'bin', 'python'), pip, { stdio: 'inherit' })
    writeFileSync(join(folder, 'complete'), '')
  }
  return { program: join(folder, 'bin', 'schemathesis'), folder }
}

/** Runs the fuzzer over one document; what it ended with (nothing if it took too long), and what it said. */
async function fuzz({ program, folder }, document, url) {
  const options = [
    ...['--url', url, '--checks', 'not_a_server_error', '--phases', 'examples,coverage,fuzzing', '--max-examples', EXAMPLES],
    ...['--seed', SEED, '--workers', '1', '--continue-on-failure', '--no-shrink', '--generation-database', 'none'],
    ...['--suppress-health-check', 'all', '--warnings', 'off', '--request-timeout', '20', '--no-color']
  ]
  const child = spawn(program, ['run', here(`../open-payments/openapi/${document}.yaml`), ...options], { cwd: folder, timeout: 120_000 })
  let said = ''
  for (const output of [child.stdout, child.stderr]) output.on('data', (text) => (said += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, said }
}

/** The path and query with the real wallet address, and a real id where there is one. */
function withReal(path, id, client) {
  const [place, query] = path.split('?')
  const [, type, named, ...rest] = place.split('/')
  const parameters = query?.replace(/(^|&)wallet-address=[^&]*/, `$1wallet-address=${encodeURIComponent(client.walletAddress)}`)
  return ['', type, ...(named === undefined ? [] : [id]), ...rest].join('/') + (query === undefined ? '' : `?${parameters}`)
}

/** Three in four requests are about things that exist; the others stay as the fuzzer made them. */
const isAboutRealThings = (count) => count % 4 !== 1

/** The resource server: what the fuzzer made becomes known, and is asked for later. */
async function resources(client) {
  const { resourceServer } = client.servers
  const tokens = await client.tokens()
  const make = (type, value) => client.call('POST', `${resourceServer}/${type}`, { walletAddress: client.walletAddress, ...value }, tokens[type])
  const receiver = await client.call('POST', `${client.peerServers.resourceServer}/incoming-payments`, { walletAddress: client.peerWalletAddress }, tokens.peer)
  const dollars = { value: '1000', assetCode: 'USD', assetScale: 2 }
  const idOf = ({ id }) => id.split('/').at(-1)
  const known = {
    'incoming-payments': idOf(await make('incoming-payments')),
    quotes: idOf(await make('quotes', { receiver: receiver.id, method: 'ilp', debitAmount: dollars })),
    'outgoing-payments': idOf(await make('outgoing-payments', { incomingPayment: receiver.id, debitAmount: dollars }))
  }
  const makeReal = (count) => (value) => {
    value.walletAddress = client.walletAddress
    if ('receiver' in value) value.receiver = receiver.id
    if ('incomingPayment' in value) value.incomingPayment = receiver.id
    if ('quoteId' in value) value.quoteId = `${resourceServer}/quotes/${known.quotes}`
    for (const name of ['incomingAmount', 'debitAmount', 'receiveAmount']) {
      const isAmount = typeof value[name] === 'object' && value[name] !== null
      if (isAmount && count % 2 === 0) Object.assign(value[name], { assetCode: 'USD', assetScale: 2 })
    }
  }
  return {
    target: plainUrl(resourceServer),
    learn: (path, { id }) => (known[path.split(/[/?]/)[1]] = id.split('/').at(-1)),
    prepare: ({ path, body, count }) => {
      const type = path.split(/[/?]/)[1]
      const token = tokens[type] ?? tokens['outgoing-payments']
      if (!isAboutRealThings(count)) return { path, body, token }
      return { path: withReal(path, known[type], client), body: changed(body, makeReal(count)), token }
    }
  }
}

/** The authorization server: grants and tokens are made for the requests that change or end them. */
async function grants(client) {
  const { pathname, origin } = new URL(plainUrl(client.servers.authServer))
  const incoming = { type: 'incoming-payment', actions: ['create', 'read'] }
  const consented = await client.startConsented()
  const pathOf = (url) => new URL(url).pathname
  const makeReal = (value) => {
    value.client = client.walletAddress
    const access = value.access_token?.access
    for (const item of Array.isArray(access) ? access : []) if (item?.identifier) item.identifier = client.walletAddress
  }
  const prepare = async ({ method, path, body, count }) => {
    if (!isAboutRealThings(count)) return { path, body, token: 'unknown' }
    if (path.startsWith('/token/')) {
      const { access_token } = await client.grant(incoming)
      return { path: pathOf(access_token.manage), body, token: access_token.value }
    }
    if (path.startsWith('/continue/')) {
      const isAnswer = method === 'POST' && count % 2 === 0 && consented.length > 0
      const { continue: next, interact_ref } = isAnswer ? consented.pop() : await client.pendingGrant()
      return { path: pathOf(next.uri), body: isAnswer ? Buffer.from(JSON.stringify({ interact_ref })) : body, token: next.access_token.value }
    }
    return { path, body: changed(body, makeReal) }
  }
  return { target: origin, route: (path) => path.replace(/^\/(?=$|\?)/, pathname), prepare }
}

/** What the documents hold, and what must have succeeded at least once: else the fuzzer stood before a closed door. */
const apis = [
  {
    document: 'resource-server',
    serve: resources,
    operations: [
      ...['incoming-payments', 'outgoing-payments', 'quotes'].flatMap((type) => [`POST /${type}`, `GET /${type}/{id}`]),
      ...['GET /incoming-payments', 'GET /outgoing-payments', 'POST /incoming-payments/{id}/complete', 'GET /outgoing-payment-grant']
    ]
  },
  {
    document: 'auth-server',
    serve: grants,
    operations: ['POST /', 'POST /continue/{id}', 'DELETE /continue/{id}', 'POST /token/{id}', 'DELETE /token/{id}']
  },
  {
    document: 'wallet-address-server',
    serve: (client) => ({ target: plainUrl(client.walletAddress) }),
    operations: ['GET /', 'GET /jwks.json']
  }
]

/** What is wrong with each operation, and one more thing: whether all else went well. */
function judge(operations, { answers, faults }, { code, said }) {
  const ofOne = (operation) => {
    const found = faults.filter((fault) => fault.operation === operation)
    const counts = answers.get(operation) ?? {}
    if (found.length > 0) return `${operation}: faults of the server: ${JSON.stringify(found)}`
    if (counts[429]) return `${operation} was held back for asking too often: ${JSON.stringify(counts)}`
    return Object.keys(counts).some((status) => status < 300) ? [] : `${operation} never succeeded: ${JSON.stringify(counts)}`
  }
  const others = faults.filter(({ operation }) => !operations.includes(operation))
  const isWell = code === 0 && others.length === 0
  const end = `Schemathesis ended with ${code}; other faults: ${JSON.stringify(others)}\n${said.replace(/^/gm, '| ')}`
  return [...operations.flatMap(ofOne), ...(isWell ? [] : [end])]
}

/** Fuzzes one API and says what came of it; how many checks failed. */
async function check(schemathesis, client, { document, serve, operations }) {
  const started = Date.now()
  const proxy = await startProxy({ client, ...(await serve(client)) })
  const problems = judge(operations, proxy, await fuzz(schemathesis, document, proxy.url))
  proxy.stop()

  const requests = [...proxy.answers.values()].flatMap(Object.values).reduce((sum, n) => sum + n, 0)
  for (const problem of problems) console.log(`FAILED ${document}: ${problem}`)
  console.log(`${document}: ${requests} requests in ${Math.round((Date.now() - started) / 1000)} s`)
  console.log(`${document}: ${operations.length + 1 - problems.length} passed, ${problems.length} failed`)
  return problems.length
}

const schemathesis = install()
const { stop, cloudNine, happyLife } = await startPlayground()
let failed = 0
try {
  const client = new Client(cloudNine, happyLife)
  await client.start()
  for (const api of apis) failed += await check(schemathesis, client, api)
} finally {
  await stop()
}
process.exit(failed === 0 ? 0 : 1)
