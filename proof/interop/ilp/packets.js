// ilp-packet against our packets: each side writes what the other reads.

import assert from 'node:assert/strict'
import * as ilp from 'ilp-packet'
import { withPeer } from './support.js'

const prepare = {
  amount: '107',
  executionCondition: Buffer.alloc(32, 7),
  expiresAt: new Date('2030-02-28T23:59:59.999Z'),
  destination: 'test.alice.bob_~-1',
  data: Buffer.from('hello')
}

export const tests = {
  async 'every kind of packet is understood and written alike'() {
    const packets = [
      ilp.serializeIlpPrepare(prepare),
      ilp.serializeIlpPrepare({ ...prepare, amount: '18446744073709551615', data: Buffer.alloc(32767, 1) }),
      ilp.serializeIlpFulfill({ fulfillment: Buffer.alloc(32, 9), data: Buffer.alloc(0) }),
      ...Object.values(ilp.Errors.codes).map((code) =>
        ilp.serializeIlpReject({ code, triggeredBy: 'test.x', message: 'why – ✓', data: Buffer.alloc(200, 3) })
      )
    ]
    assert.ok(packets.length > 10)
    await withPeer([], async (peer) => {
      for (const packet of packets) {
        assert.deepEqual(await peer.post('/roundtrip', packet), packet)
      }
    })
  },

  async 'our refusals are read by the package'() {
    await withPeer(['--max-packet', '100'], async (peer) => {
      const tooLarge = ilp.deserializeIlpReject(await peer.post('/ilp', ilp.serializeIlpPrepare(prepare)))
      assert.equal(tooLarge.code, 'F08')
      assert.equal(tooLarge.data.readBigUInt64BE(0), 107n)
      assert.equal(tooLarge.data.readBigUInt64BE(8), 100n)
      const elsewhere = ilp.serializeIlpPrepare({ ...prepare, amount: '5' })
      const unreachable = ilp.deserializeIlpReject(await peer.post('/ilp', elsewhere))
      assert.equal(unreachable.code, 'F02')
      assert.equal(unreachable.triggeredBy, 'test.rafiki.receiver')
    })
  }
}
