// Two walks by the published client: between two institutions, and at a second tenant of one of them.
//
// Ends with `N passed, M failed`.

import assert from 'node:assert/strict'
import { seen, watch } from './contract.js'
import { admin, decide, startPlayground } from './playground.js'
import { openTenant } from './tenant.js'
import { walk } from './walk.js'

const { stop, cloudNine, happyLife } = await startPlayground({ TRUST_PROXY: 'true' })
const tenant = await openTenant(cloudNine)
watch([cloudNine, happyLife, tenant].flatMap(({ openPayments, auth }) => [openPayments, auth]))

const operators = {
  payer: cloudNine.walletAddress('gfranklin'),
  payee: happyLife.walletAddress('pfry'),
  admin: (query, variables) => admin(cloudNine, query, variables),
  decide: (redirect, choice) => decide(cloudNine, redirect, choice)
}
const tenants = {
  payer: tenant.walletAddress('alice'),
  payee: tenant.walletAddress('bob'),
  admin: tenant.admin,
  decide: tenant.decide
}

const walks = {
  'from one institution to the other': walk(operators),
  'at a second tenant': { ...walk(tenants), ...tenant.steps }
}

let passed = 0
let failed = 0
for (const [where, steps] of Object.entries(walks)) {
  Object.assign(seen, { answers: 0, refusals: 0, problems: [] })
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step()
      passed += 1
      console.log(`ok    ${where}: ${name}`)
    } catch (error) {
      failed += 1
      console.log(`FAILED ${where}: ${name}`)
      console.log(error)
    }
  }
}
await tenant.close()
await stop()
assert.ok(passed > 0)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
