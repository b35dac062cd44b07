// The published senders paying our receiver.

import assert from 'node:assert/strict'
import { closeConnection, pay, setupPayment, startQuote } from '@interledger/pay'
import stream from 'ilp-protocol-stream'
import { withPeer } from './support.js'

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

export const tests = {
  async '@interledger/pay quotes and sends a fixed amount to our receiver'() {
    await withPeer(['--legacy-rejects'], async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToSend: 1000n })
      assert.equal(quote.minDeliveryAmount, 990n)
      assert.equal(progress.amountSent, 1000n)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay delivers a fixed amount in packets of limited size and at a rate'() {
    const args = ['--legacy-rejects', '--max-packet', '300', '--per-thousand', '995']
    await withPeer(args, async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToDeliver: 1000n })
      assert.equal(quote.maxPacketAmount, 300n)
      assert.ok(progress.amountDelivered >= 1000n)
      assert.ok(progress.amountSent <= quote.maxSourceAmount)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay sends a fixed amount in packets of limited size and at a rate'() {
    const args = ['--legacy-rejects', '--max-packet', '300', '--per-thousand', '995']
    await withPeer(args, async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToSend: 1000n })
      assert.equal(quote.maxPacketAmount, 300n)
      assert.equal(progress.amountSent, 1000n)
      assert.ok(progress.amountDelivered >= quote.minDeliveryAmount)
      assert.equal(await peer.received(), progress.amountDelivered)
    })
  },

  async '@interledger/pay delivers a fixed amount one to one'() {
    await withPeer(['--legacy-rejects'], async (peer) => {
      const { quote, progress } = await payWith(peer, { amountToDeliver: 1000n })
      assert.equal(quote.maxSourceAmount, 1011n)
      assert.equal(progress.amountDelivered, 1000n)
      assert.equal(await peer.received(), 1000n)
    })
  },

  async '@interledger/pay asks our receiver for its asset'() {
    await withPeer(['--legacy-rejects'], async (peer) => {
      const { destination } = await payWith(peer, { amountToDeliver: 5n }, null)
      assert.deepEqual(destination.destinationAsset, asset)
      assert.equal(await peer.received(), 5n)
    })
  },

  async 'ilp-protocol-stream sends to our receiver'() {
    await withPeer([], async (peer) => {
      const { ilpAddress, sharedSecret } = await peer.credentials()
      const connection = await stream.createConnection({
        plugin: peer.plugin(),
        destinationAccount: ilpAddress,
        sharedSecret,
        slippage: 0
      })
      const money = connection.createStream()
      await money.sendTotal(5000, { timeout: 20000 })
      assert.equal(money.totalSent, '5000')
      assert.equal(connection.destinationAssetCode, 'USD')
      assert.equal(await peer.received(), 5000n)
      await connection.end()
    })
  },

  async 'ilp-protocol-stream finds our packet limit'() {
    await withPeer(['--max-packet', '700'], async (peer) => {
      const { ilpAddress, sharedSecret } = await peer.credentials()
      const connection = await stream.createConnection({
        plugin: peer.plugin(),
        destinationAccount: ilpAddress,
        sharedSecret,
        slippage: 0
      })
      await connection.createStream().sendTotal(5000, { timeout: 20000 })
      assert.equal(await peer.received(), 5000n)
      await connection.end()
    })
  }
}
