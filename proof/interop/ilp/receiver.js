// Our sender paying @interledger/stream-receiver.

import assert from 'node:assert/strict'
import http from 'node:http'
import { randomBytes } from 'node:crypto'
import { StreamServer } from '@interledger/stream-receiver'
import * as ilp from 'ilp-packet'
import { pay } from './support.js'

/** Runs `use` with the published receiver behind HTTP; `decide` says what becomes of money. */
async function withReceiver({ maxPacket, decide }, use) {
  const receiver = new StreamServer({ serverSecret: randomBytes(32), serverAddress: 'test.published' })
  const books = { received: 0n, data: [] }
  const reply = (octets) => {
    const prepare = ilp.deserializeIlpPrepare(octets)
    const amount = BigInt(prepare.amount)
    if (maxPacket !== undefined && amount > maxPacket) {
      const data = Buffer.alloc(16)
      data.writeBigUInt64BE(amount, 0)
      data.writeBigUInt64BE(maxPacket, 8)
      return { code: 'F08', triggeredBy: 'test.published', message: '', data }
    }
    const decision = receiver.createReply(prepare)
    if (!('accept' in decision)) return decision
    for (const frame of decision.dataFrames ?? []) books.data.push(frame.data.toString())
    if (decide !== undefined) return decide(decision)
    books.received += amount
    return decision.accept()
  }
  const server = http.createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    response.setHeader('content-type', 'application/octet-stream')
    response.end(ilp.serializeIlpReply(reply(Buffer.concat(chunks))))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const credentials = receiver.generateCredentials({ paymentTag: 'tag', asset: { code: 'USD', scale: 2 } })
    const args = ['--url', `http://127.0.0.1:${server.address().port}/`, '--address', credentials.ilpAddress]
    await use([...args, '--secret', credentials.sharedSecret.toString('base64')], books)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

export const tests = {
  async 'our sender asks the receiver for its asset'() {
    await withReceiver({}, async (to) => {
      const outcome = await pay(...to, '--deliver', '5')
      assert.deepEqual(outcome.destinationAsset, { code: 'USD', scale: 2 })
      assert.equal(outcome.delivered, 5)
    })
  },

  async 'our sender sends a fixed amount'() {
    await withReceiver({}, async (to, books) => {
      const outcome = await pay(...to, '--send', '123456')
      assert.equal(outcome.error, null)
      assert.equal(outcome.sent, 123456)
      assert.equal(BigInt(outcome.delivered), books.received)
    })
  },

  async 'our sender delivers a fixed amount in packets of limited size'() {
    await withReceiver({ maxPacket: 70n }, async (to, books) => {
      const outcome = await pay(...to, '--deliver', '10000')
      assert.equal(outcome.error, null)
      assert.equal(outcome.maxPacketAmount, '70')
      assert.equal(outcome.delivered, 10000)
      assert.equal(books.received, 10000n)
    })
  },

  async 'our application data arrives once and a refusal of the application is told'() {
    await withReceiver({ decide: (money) => money.finalDecline('not today') }, async (to, books) => {
      const outcome = await pay(...to, '--deliver', '1000', '--data', 'who I am')
      assert.equal(outcome.error, 'ApplicationError')
      assert.equal(outcome.applicationData, 'not today')
      assert.equal(outcome.sent, 0)
      assert.deepEqual(books.data, ['who I am'])
    })
  }
}
