// A proxy between a fuzzer and our servers: it puts the names of real things into requests, adds a token, and signs.
//
// Not a judge: it counts what each operation answered; a fault is for the fuzzer to name.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { forward } from './client.js'

/** Headers that belong to the connection with the fuzzer, or that the signature replaces. */
const NOT_PASSED_ON = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'content-digest', 'authorization', 'signature', 'signature-input']

/** One in eight requests goes through as the fuzzer made it, without a token, with its own idea of a signature. */
const UNTOUCHED = 8

/** `GET /incoming-payments/{id}` and the like. */
function operationOf(method, path) {
  const [first, id, ...rest] = path.split('?')[0].split('/').slice(1)
  return `${method} /${[first, ...(id === undefined ? [] : ['{id}']), ...rest].join('/')}`
}

/**
 * Starts a proxy to `target`.
 *
 * `route` says where a path is found at the target. `prepare` makes of a request's path and body those to be sent, and
 * names the token; without it nothing is signed. `learn` is told what was made.
 */
export async function startProxy({ target, client, route = (path) => path, prepare, learn = () => {} }) {
  const [answers, faults] = [new Map(), []]
  let count = 0

  /** What is sent in place of what came. */
  const dress = async (request, came) => {
    count += 1
    if (!prepare || count % UNTOUCHED === 0) return { ...came, path: route(came.path), headers: request.headers }
    const { path, body, token } = await prepare({ ...came, count })
    const plain = Object.entries(request.headers).filter(([name]) => !NOT_PASSED_ON.includes(name))
    const sent = { ...came, path: route(path), body }
    const headers = await client.sign({ ...sent, url: target + sent.path, headers: Object.fromEntries(plain), token })
    return { ...sent, headers }
  }

  const pass = async (request) => {
    const came = { method: request.method, path: request.url, body: Buffer.concat(await request.toArray()) }
    const { method, path, headers, body } = await dress(request, came)
    const sent = { method, url: target + path, headers: { ...headers, host: new URL(target).host }, body }
    const answer = await forward(sent)
    const operation = operationOf(method, came.path)
    const seen = answers.get(operation) ?? {}
    answers.set(operation, { ...seen, [answer.status]: (seen[answer.status] ?? 0) + 1 })
    if (answer.status === 201) learn(came.path, JSON.parse(answer.body))
    if (answer.status >= 500) faults.push({ operation, sent: { ...sent, body: body.toString() }, status: answer.status, answer: answer.body.toString() })
    return answer
  }

  const server = createServer({ insecureHTTPParser: true, maxHeaderSize: 1 << 17 }, async (request, response) => {
    try {
      const { status, headers, body } = await pass(request)
      response.writeHead(status, headers['content-type'] ? { 'content-type': headers['content-type'] } : {})
      response.end(body)
    } catch (error) {
      // What HTTP itself cannot carry is no fault of the server. All else is, such as a connection that it drops.
      const isUnsendable = ['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS'].includes(error.code)
      if (!isUnsendable) faults.push({ operation: operationOf(request.method, request.url), error: String(error) })
      response.writeHead(isUnsendable ? 400 : 502)
      response.end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${server.address().port}`, answers, faults, stop: () => server.close() }
}

/** `body` changed by `change`, if it is a JSON object; else as it is. */
export function changed(body, change) {
  try {
    const value = JSON.parse(body)
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return body
    change(value)
    return Buffer.from(JSON.stringify(value))
  } catch {
    return body
  }
}
