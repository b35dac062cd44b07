// A client of Open Payments with a key at a wallet address: it signs requests, obtains grants and makes payments.
//
// Not a fuzzer, and not a proxy: it gives both the tokens and the names of things that exist.

import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request as send } from 'node:http'
import utils from '@interledger/http-signature-utils'
import { admin, decide } from '../open-payments/playground.js'

const { createSignatureHeaders, generateJwk, generateKey } = utils

/** The servers of a playground call themselves https and speak plain HTTP to those nearby. */
export const plainUrl = (url) => url.replace(/^https:/, 'http:')

/** Sends octets to a URL as they are. Not `fetch`: that would repair the odd URLs and headers of a fuzzer. */
export async function forward({ method, url, headers, body }) {
  const { hostname, port } = new URL(url)
  const path = url.slice(new URL(url).origin.length)
  const request = send({ hostname, port, path, method, headers, insecureHTTPParser: true })
  request.end(body)
  const [response] = await once(request, 'response')
  const chunks = await response.toArray()
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

export class Client {
  constructor(institution, peer) {
    Object.assign(this, { institution, peer, keyId: `fuzzer-${randomUUID()}`, privateKey: generateKey() })
    this.walletAddress = institution.walletAddress('gfranklin')
    this.peerWalletAddress = peer.walletAddress('pfry')
  }

  /** Publishes the key, and learns where the servers of both wallet addresses are. */
  async start() {
    const byUrl = 'query A($url: String!) { walletAddressByUrl(url: $url) { id } }'
    const { walletAddressByUrl } = await admin(this.institution, byUrl, { url: this.walletAddress })
    const publish = 'mutation K($input: CreateWalletAddressKeyInput!) { createWalletAddressKey(input: $input) { walletAddressKey { id } } }'
    const jwk = generateJwk({ privateKey: this.privateKey, keyId: this.keyId })
    await admin(this.institution, publish, { input: { walletAddressId: walletAddressByUrl.id, jwk } })
    const read = async (url) => JSON.parse((await forward({ method: 'GET', url: plainUrl(url), headers: { accept: 'application/json' } })).body)
    this.servers = await read(this.walletAddress)
    this.peerServers = await read(this.peerWalletAddress)
  }

  /** The headers to send with a request: those given, the token, and a signature over both (RFC 9421, RFC 9530). */
  async sign({ method, url, headers, body, token }) {
    const digest = body?.length && {
      'content-digest': `sha-512=:${createHash('sha512').update(body).digest('base64')}:`,
      'content-length': String(body.length),
      'content-type': headers['content-type'] ?? 'application/json'
    }
    const signed = { ...headers, ...digest, ...(token && { authorization: `GNAP ${token}` }) }
    // The package only asks whether there is a body; what it signs is the digest.
    const request = { method, url, headers: signed, body: digest && 'present' }
    const { Signature: signature, 'Signature-Input': input } = await createSignatureHeaders({ request, privateKey: this.privateKey, keyId: this.keyId })
    return { ...signed, signature, 'signature-input': input }
  }

  /** Sends a value and expects success; the answer. */
  async call(method, where, value, token) {
    const [url, body] = [plainUrl(where), value === undefined ? undefined : Buffer.from(JSON.stringify(value))]
    const headers = await this.sign({ method, url, headers: { accept: 'application/json' }, body, token })
    const answer = await forward({ method, url, headers, body })
    if (answer.status >= 300) throw new Error(`${method} ${url} → ${answer.status} ${answer.body}`)
    return answer.body.length > 0 ? JSON.parse(answer.body) : undefined
  }

  grant(access, authServer = this.servers.authServer, interact = undefined) {
    const access_token = { access: [access] }
    return this.call('POST', authServer, { client: this.walletAddress, access_token, ...(interact && { interact }) })
  }

  /** A grant that waits for the owner, who can be sent back to the client or not. */
  pendingGrant(finish = undefined) {
    const access = { type: 'outgoing-payment', actions: ['create', 'read', 'list'], identifier: this.walletAddress }
    return this.grant(access, this.servers.authServer, { start: ['redirect'], ...(finish && { finish }) })
  }

  /** Grants to pay that the owner has consented to, ready to be continued with the reference. */
  async startConsented(number = 3) {
    const begin = async () => {
      const { interact, continue: next } = await this.pendingGrant({ method: 'redirect', uri: 'http://localhost:9/done', nonce: randomUUID() })
      const { location } = await decide(this.institution, interact.redirect, 'accept')
      return { continue: next, interact_ref: new URL(location).searchParams.get('interact_ref') }
    }
    const begun = await Promise.all(Array.from({ length: number }, begin))
    await new Promise((resolve) => setTimeout(resolve, begun[0].continue.wait * 1000 + 50))
    return begun
  }

  /** A token to pay with. */
  async consentedGrant() {
    const [{ continue: next, interact_ref }] = await this.startConsented(1)
    return this.call('POST', next.uri, { interact_ref }, next.access_token.value)
  }

  /** A token for each kind of resource. */
  async tokens() {
    const actions = ['create', 'read', 'list', 'complete']
    const incoming = { type: 'incoming-payment', actions }
    const value = ({ access_token }) => access_token.value
    return {
      'incoming-payments': value(await this.grant(incoming)),
      quotes: value(await this.grant({ type: 'quote', actions: ['create', 'read'] })),
      'outgoing-payments': value(await this.consentedGrant()),
      peer: value(await this.grant(incoming, this.peerServers.authServer))
    }
  }
}
