// The published senders paying our receiver.

import assert from 'node:assert/strict'
import { closeConnection, pay, setupPayment, startQuote } from '@interledger/pay'
import stream from 'ilp-protocol-stream'
import stableStream from 'ilp-protocol-stream-stable'
import stableStreams from 'ilp-protocol-stream-stable/dist/src/stream.js'
import { withPeer } from './support.js'

// That release is older than Node's own getter of this name, and sets it.
Object.defineProperty(stableStreams.DataAndMoneyStream.prototype, 'closed', { writable: true, configurable: true })

const asset = { code: 'USD', scale: 2 }

async function payWith(peer, target, destinationAsset = asset) {
  const { ilpAddress, sharedSecret } = await peer.credentials()
  const plugin = peer.plugin()
  const destination = await setupPayment({ plugin, destinationAddress: ilpAddress, sharedSecret, destinationAsset: destinationAsset ?? undefined })
  const quote = await startQuote({ plugin, destination, sourceAsset: asset, slippage: 0.01, prices: {}, ...target })
  const progress = await pay({ plugin, destination, quote })
  await closeConnection(plugin, destination)
  assert.equal(progress.error, undefined)
  return { destination, quote, progress }
}

async function connect(library, peer, slippage) {
  const { ilpAddress, sharedSecret } = await peer.credentials()
  return library.createConnection({ plugin: peer.plugin(), destinationAccount: ilpAddress, sharedSecret, slippage })
}

async function sendOverStream(library, args) {
  await withPeer(args, async (peer) => {
    const connection = await connect(library, peer, 0)
    const money = connection.createStream()
    await money.sendTotal(5000, { timeout: 20000 })
    assert.equal(money.totalSent, '5000')
    assert.equal(connection.destinationAssetCode, 'USD')
    assert.equal(await peer.received(), 5000n)
    await connection.end()
  })
}

export const tests = {
  async '@interledger/pay quotes and sends a fixed amount to our receiver'() {
    await withPeer([], async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToSend: 1000n })
      assert.equal(quote.minDeliveryAmount, 990n)
      assert.equal(progress.amountSent, 1000n)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay delivers a fixed amount in packets of limited size and at a rate'() {
    const args = ['--max-packet', '300', '--per-thousand', '995']
    await withPeer(args, async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToDeliver: 1000n })
      assert.equal(quote.maxPacketAmount, 300n)
      assert.ok(progress.amountDelivered >= 1000n)
      assert.ok(progress.amountSent <= quote.maxSourceAmount)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay sends a fixed amount in packets of limited size and at a rate'() {
    const args = ['--max-packet', '300', '--per-thousand', '995']
    await withPeer(args, async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToSend: 1000n })
      assert.equal(quote.maxPacketAmount, 300n)
      assert.equal(progress.amountSent, 1000n)
      assert.ok(progress.amountDelivered >= quote.minDeliveryAmount)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay delivers a fixed amount one to one'() {
    await withPeer([], async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToDeliver: 1000n })
      assert.equal(quote.maxSourceAmount, 1011n)
      assert.equal(progress.amountDelivered, 1000n)
      assert.equal(await peer.received(), 1000n)
    })
  },

  async '@interledger/pay asks our receiver for its asset'() {
    await withPeer([], async (peer) => {
      const { destination } = await payWith(peer, { amountToDeliver: 5n }, null)
      assert.deepEqual(destination.destinationAsset, asset)
      assert.equal(await peer.received(), 5n)
    })
  },

  async 'ilp-protocol-stream sends to our receiver'() {
    await sendOverStream(stream, [])
  },

  async 'ilp-protocol-stream of the latest stable release sends to our receiver'() {
    await sendOverStream(stableStream, [])
  },

  async 'ilp-protocol-stream of the latest stable release sends at a rate and in packets of limited size'() {
    await withPeer(['--max-packet', '700', '--per-thousand', '995'], async (peer) => {
      const connection = await connect(stableStream, peer, 0.01)
      const money = connection.createStream()
      await money.sendTotal(5000, { timeout: 20000 })
      assert.equal(money.totalSent, '5000')
      const received = await peer.received()
      assert.ok(received >= 4950n && received <= 4975n, `${received}`)
      await connection.end()
    })
  },

  async 'ilp-protocol-stream that reads the codes of Rafiki 2.4 sends to a receiver that uses them'() {
    await sendOverStream(stream, ['--specific-rejects'])
  },

  async 'ilp-protocol-stream finds our packet limit'() {
    await withPeer(['--max-packet', '700'], async (peer) => {
      const connection = await connect(stream, peer, 0)
      await connection.createStream().sendTotal(5000, { timeout: 20000 })
      assert.equal(await peer.received(), 5000n)
      await connection.end()
    })
  }
}
