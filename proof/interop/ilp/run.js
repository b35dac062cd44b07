// Runs all tests one after the other and closes with their count.

import { tests as packets } from './packets.js'
import { tests as receiver } from './receiver.js'
import { tests as senders } from './senders.js'

let passed = 0
let failed = 0
for (const [name, test] of Object.entries({ ...packets, ...senders, ...receiver })) {
  try {
    await test()
    passed += 1
    console.log(`ok    ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED ${name}`)
    console.log(error)
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
