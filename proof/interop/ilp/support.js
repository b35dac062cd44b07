// Starting our peer and talking to it; nothing here knows ILP.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { promisify } from 'node:util'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const binary = path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, 'target'), 'debug', 'interop-peer')

/** Runs `use` with a receiving peer that was started with these arguments. */
export async function withPeer(args, use) {
  const child = spawn(binary, ['serve', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const port = await new Promise((resolve, reject) => {
      child.stdout.once('data', (line) => resolve(Number(line.toString())))
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`the peer ended with ${code}`)))
    })
    await use(new Peer(`http://127.0.0.1:${port}`))
  } finally {
    child.kill()
  }
}

export class Peer {
  constructor(url) {
    this.url = url
  }

  async post(where, octets) {
    const headers = { 'content-type': 'application/octet-stream' }
    const response = await fetch(this.url + where, { method: 'POST', headers, body: octets })
    assert.equal(response.status, 200)
    return Buffer.from(await response.arrayBuffer())
  }

  async credentials() {
    const { ilpAddress, sharedSecret } = await (await fetch(this.url + '/credentials')).json()
    return { ilpAddress, sharedSecret: Buffer.from(sharedSecret, 'base64url') }
  }

  async received() {
    return BigInt(await (await fetch(this.url + '/received')).text())
  }

  /** What the packages call a plugin: Prepare octets in, reply octets out. */
  plugin() {
    const peer = this
    const plugin = {
      connect: async () => {},
      disconnect: async () => {},
      isConnected: () => true,
      sendData: (octets) => peer.post('/ilp', octets),
      registerDataHandler: () => {},
      deregisterDataHandler: () => {},
      on: () => plugin,
      once: () => plugin,
      removeListener: () => plugin,
      removeAllListeners: () => plugin,
      emit: () => false
    }
    plugin.constructor = { version: 2 }
    return plugin
  }
}

/** Pays with our sender and gives what it prints. */
export async function pay(...args) {
  const { stdout } = await promisify(execFile)(binary, ['pay', ...args])
  return JSON.parse(stdout)
}
