// A certified provider for the roles of one institution: it gives each of them the tokens that it may have, for Rust tests.
//
// The argument is a JSON list of clients, each with `id`, `secret`, `tenant` and `access` (scopes by service). It prints
// `{"issuer"}` and ends with its input.

import { once } from 'node:events'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const roles = JSON.parse(process.argv[2])
// The one line of the output is read, and nothing else: notices of the package go to the errors.
console.info = console.error

const server = createServer()
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`
const scopesOf = (role) => [...new Set(Object.values(role.access).flat())]

const provider = new Provider(issuer, {
  scopes: [...new Set(roles.flatMap(scopesOf))],
  clients: roles.map((role) => ({
    client_id: role.id,
    client_secret: role.secret,
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: scopesOf(role).join(' ')
  })),
  extraTokenClaims: (_context, token) => ({ tenant: roles.find((role) => role.id === token.clientId)?.tenant }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // A role gets at a service what it may do there, and nothing else.
      getResourceServerInfo: (_context, resource, client) => {
        const service = new URL(resource).hostname.replace('.example', '')
        const scope = roles.find((role) => role.id === client.clientId)?.access[service]?.join(' ') ?? ''
        return { scope, audience: resource, accessTokenTTL: 60, accessTokenFormat: 'opaque' }
      }
    }
  }
})
server.on('request', provider.callback())
console.log(JSON.stringify({ issuer }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
