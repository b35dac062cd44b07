'use strict'
// Shows the schema, drafts a question, signs it with the typed secret, and shows the answer. Loads nothing from elsewhere.

const at = (id) => document.getElementById(id)
const encoder = new TextEncoder()
let types = new Map()
let last = 0

// JSON in its canonical form (RFC 8785): members sorted by name, no blanks.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
  return `{${members.join(',')}}`
}

async function signature(body) {
  // No two questions are signed at the same millisecond: a signature is good once.
  const time = (last = Math.max(Date.now(), last + 1))
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(at('secret').value), algorithm, false, ['sign'])
  const digest = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(`${time}.${body}`)))
  return `t=${time}, v1=${Array.from(digest, (octet) => octet.toString(16).padStart(2, '0')).join('')}`
}

async function ask(query, variables) {
  const body = canonical({ query, variables })
  const headers = { 'content-type': 'application/json', 'tenant-id': at('tenant').value.trim(), signature: await signature(body) }
  const response = await fetch('/graphql', { method: 'POST', headers, body })
  const text = await response.text()
  try {
    return { status: response.status, answer: JSON.parse(text) }
  } catch {
    return { status: response.status, answer: text }
  }
}

function say(text) {
  at('status').textContent = text
}

async function run() {
  say('Asking…')
  try {
    const { status, answer } = await ask(at('query').value, JSON.parse(at('variables').value || '{}'))
    at('answer').textContent = typeof answer === 'string' ? answer : JSON.stringify(answer, null, 2)
    say(status === 401 ? 'Not accepted: compare tenant id and secret with those of the server.' : `Answered with status ${status}.`)
  } catch (error) {
    say(`Not asked: ${error.message}`)
  }
}

const TYPE = 'kind name ofType { kind name ofType { kind name ofType { kind name } } }'
const SCHEMA = `{ __schema { queryType { name } mutationType { name } types {
  kind name description
  fields(includeDeprecated: true) { name description isDeprecated deprecationReason args { name type { ${TYPE} } } type { ${TYPE} } }
  inputFields { name type { ${TYPE} } } enumValues(includeDeprecated: true) { name } possibleTypes { name }
} } }`

const written = (type) => (type.kind === 'NON_NULL' ? `${written(type.ofType)}!` : type.kind === 'LIST' ? `[${written(type.ofType)}]` : type.name)
const innermost = (type) => (type.ofType ? innermost(type.ofType) : type)

async function load() {
  say('Asking for the schema…')
  try {
    const { status, answer } = await ask(SCHEMA, {})
    if (status !== 200 || !answer.data) return say(`No schema, status ${status}: ${JSON.stringify(answer).slice(0, 300)}`)
    const schema = answer.data.__schema
    types = new Map(schema.types.map((type) => [type.name, type]))
    list([schema.queryType.name, schema.mutationType.name])
    say(`${types.size} types. Choose an operation on the left.`)
    sessionStorage.setItem('tenant', at('tenant').value)
    sessionStorage.setItem('secret', at('secret').value)
  } catch (error) {
    say(`No schema: ${error.message}`)
  }
}

function list(roots) {
  at('operations').replaceChildren()
  for (const root of roots) {
    const heading = document.createElement('h2')
    heading.textContent = root
    at('operations').append(heading)
    for (const field of types.get(root).fields) {
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = field.name
      button.title = field.deprecationReason || field.description || ''
      button.classList.toggle('old', field.isDeprecated)
      button.addEventListener('click', () => draft(root === 'Mutation' ? 'mutation' : 'query', field))
      at('operations').append(button)
    }
  }
}

// A value of an input type to begin with.
function sample(type, depth) {
  const base = innermost(type)
  if (type.kind === 'LIST' || (type.ofType && type.ofType.kind === 'LIST')) return []
  if (base.kind === 'INPUT_OBJECT' && depth < 4) {
    const needed = types.get(base.name).inputFields.filter((field) => field.type.kind === 'NON_NULL' || field.name === 'idempotencyKey')
    return Object.fromEntries(needed.map((field) => [field.name, field.name === 'idempotencyKey' ? crypto.randomUUID() : sample(field.type, depth + 1)]))
  }
  if (base.kind === 'ENUM') return types.get(base.name).enumValues[0].name
  return { Int: 0, UInt8: 0, UInt64: '0', Boolean: false, Float: 0, JSONObject: {} }[base.name] ?? ''
}

// The scalar members of a type, and those of objects in it that need no arguments.
function selection(type, depth) {
  const fields = types.get(innermost(type).name)?.fields
  if (!fields) return ''
  const chosen = fields.filter((field) => !field.args.length && !field.isDeprecated).flatMap((field) => {
    if (!types.get(innermost(field.type).name)?.fields) return [field.name]
    return depth < 3 && field.name !== 'tenant' ? [`${field.name}${selection(field.type, depth + 1)}`] : []
  })
  return chosen.length ? ` { ${chosen.join(' ')} }` : ' { __typename }'
}

function draft(kind, field) {
  const needed = field.args.filter((argument) => argument.type.kind === 'NON_NULL')
  const declared = needed.map((argument) => `$${argument.name}: ${written(argument.type)}`).join(', ')
  const given = needed.map((argument) => `${argument.name}: $${argument.name}`).join(', ')
  const parens = (text) => (text ? `(${text})` : '')
  at('query').value = `${kind} ${field.name}${parens(declared)} {\n  ${field.name}${parens(given)}${selection(field.type, 0)}\n}`
  at('variables').value = JSON.stringify(Object.fromEntries(needed.map((argument) => [argument.name, sample(argument.type, 0)])), null, 2)
  show(innermost(field.type).name, field)
}

// A type, or an operation with its arguments. Names of types lead on.
function show(name, operation) {
  at('type-name').textContent = operation ? operation.name : name
  at('type').replaceChildren()
  const line = (label, type) => {
    const row = document.createElement('div')
    row.append(`${label}: `)
    const link = document.createElement('button')
    link.type = 'button'
    link.textContent = written(type)
    link.addEventListener('click', () => show(innermost(type).name))
    row.append(link)
    at('type').append(row)
  }
  if (operation) {
    if (operation.description) at('type').append(operation.description)
    for (const argument of operation.args) line(`(${argument.name})`, argument.type)
    return line('gives', operation.type)
  }
  const type = types.get(name)
  for (const field of type.fields || type.inputFields || []) line(field.name, field.type)
  for (const value of type.enumValues || []) at('type').append(`${value.name} `)
}

function search() {
  const wanted = at('search').value.toLowerCase()
  for (const button of at('operations').querySelectorAll('button')) button.hidden = !button.textContent.toLowerCase().includes(wanted)
}

for (const name of ['tenant', 'secret']) at(name).value = sessionStorage.getItem(name) || ''
at('load').addEventListener('click', load)
at('run').addEventListener('click', run)
at('search').addEventListener('input', search)
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run()
})
