// Checks every answer of a playground against the published OpenAPI documents.
//
// Not the client's own checks: those are on as well, but they see successful answers only.

import { fileURLToPath } from 'node:url'
import { createOpenAPI } from '@interledger/openapi'

const read = (name) => createOpenAPI(fileURLToPath(new URL(`./openapi/${name}.yaml`, import.meta.url)))
const [walletAddresses, resources, grants] = await Promise.all(
  ['wallet-address-server', 'resource-server', 'auth-server'].map(read)
)

const UUID = '[0-9a-f-]{36}'
const operations = [
  [resources, `^/${UUID}/incoming-payments$`, '/incoming-payments'],
  [resources, `^/${UUID}/incoming-payments/[^/]+$`, '/incoming-payments/{id}'],
  [resources, `^/${UUID}/incoming-payments/[^/]+/complete$`, '/incoming-payments/{id}/complete'],
  [resources, `^/${UUID}/outgoing-payments$`, '/outgoing-payments'],
  [resources, `^/${UUID}/outgoing-payments/[^/]+$`, '/outgoing-payments/{id}'],
  [resources, `^/${UUID}/outgoing-payment-grant$`, '/outgoing-payment-grant'],
  [resources, `^/${UUID}/quotes$`, '/quotes'],
  [resources, `^/${UUID}/quotes/[^/]+$`, '/quotes/{id}'],
  [grants, `^/continue/${UUID}$`, '/continue/{id}'],
  [grants, `^/token/${UUID}$`, '/token/{id}'],
  [grants, `^/${UUID}$`, '/'],
  [walletAddresses, '/jwks.json$', '/jwks.json'],
  [walletAddresses, '^/accounts/[^/]+$', '/'],
  [walletAddresses, '^/(alice|bob)$', '/']
]

export const seen = { answers: 0, refusals: 0, problems: [] }

function check(method, url, status, text) {
  const path = new URL(url).pathname
  const operation = operations.find(([, pattern]) => new RegExp(pattern).test(path))
  const where = `${method} ${path} → ${status}`
  if (!operation) return seen.problems.push(`${where}: no such operation`)
  const [document, , name] = operation
  const body = text === '' ? undefined : JSON.parse(text)
  if (status >= 400) {
    seen.refusals += 1
    // The documents describe few refusals; all have this shape.
    if (typeof body?.error?.description !== 'string' || typeof body.error.code !== 'string') {
      seen.problems.push(`${where}: not the shape of a refusal: ${text}`)
    }
    return
  }
  seen.answers += 1
  try {
    document.createResponseValidator({ path: name, method: method.toLowerCase() })({ status, body })
  } catch (error) {
    seen.problems.push(`${where}: ${JSON.stringify(error.errors ?? String(error))} in ${text}`)
  }
}

/** Lets every `fetch` of this process that goes to one of `origins` pass the checks. */
export function watch(origins) {
  const plain = globalThis.fetch
  /** What a proxy does that speaks TLS to clients and plain HTTP to the servers behind it. */
  const throughProxy = async (request) => {
    const headers = new Headers(request.headers)
    headers.set('x-forwarded-proto', 'https')
    const body = request.body ? await request.arrayBuffer() : undefined
    return plain(request.url.replace('https:', 'http:'), { method: request.method, headers, body })
  }
  globalThis.fetch = async (input, init) => {
    const method = input.method ?? init?.method ?? 'GET'
    const isSecure = typeof input.url === 'string' && input.url.startsWith('https:')
    const response = isSecure ? await throughProxy(input) : await plain(input, init)
    if (origins.includes(new URL(response.url).origin) && !new URL(response.url).pathname.startsWith('/interact/')) {
      check(method, response.url, response.status, await response.clone().text())
    }
    return response
  }
  return plain
}
