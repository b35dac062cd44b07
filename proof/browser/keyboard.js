// What hands do at a keyboard: going from stop to stop, filling forms, following links. No mouse, and no script sets a value.

import assert from 'node:assert/strict'

/** What has the focus, and what is wrong with how it looks. Runs in the page. */
export function look([selector, text]) {
  const at = document.activeElement
  const style = getComputedStyle(at)
  const box = at.getBoundingClientRect()
  const top = document.querySelector('.top')
  const covered = top && !top.contains(at) && !at.closest('dialog, .rail, .skip') && box.bottom <= top.getBoundingClientRect().bottom && getComputedStyle(top).position === 'sticky'
  const marked = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none'
  const faults = []
  // The browser itself marks the parts of a date, and the button of its calendar.
  const part = at.type === 'date' && !at.matches(':focus-visible')
  if (at !== document.body && at.id !== 'main' && !marked && !part) faults.push('its focus is not visible')
  if (at !== document.body && at.id !== 'main' && covered) faults.push('it is under the bar at the top')
  return {
    fits: at.matches(selector) && (text === undefined || at.textContent.trim() === text),
    what: `${at.tagName} ${at.getAttribute('name') ?? at.textContent.trim().slice(0, 40)}`,
    faults
  }
}

/** Presses Tab until what has the focus fits. Every stop on the way must be visible. */
export async function tabTo(page, selector, text) {
  const wanted = [selector, text]
  for (let pressed = 0; pressed < 200; pressed += 1) {
    const { fits, what, faults } = await page.evaluate(look, wanted)
    assert.deepEqual(faults, [], `${what} on ${page.url()}`)
    if (fits) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not reach ${selector} ${text ?? ''} on ${page.url()}`)
}

/** Whether this has the focus. */
export function focused(page, selector) {
  return page.evaluate((selector) => document.activeElement.matches(selector), selector)
}

/** Skips the menu, as everybody does who knows the page. */
export async function skip(page) {
  await page.evaluate(() => document.activeElement.blur())
  await tabTo(page, '.skip')
  await page.keyboard.press('Enter')
  assert.ok(await focused(page, '#main'), 'the skip link leads to the main part')
}

/** Follows a link, opens a fold, or presses a button. */
export async function press(page, text, selector = 'a, button, summary') {
  await tabTo(page, `:is(${selector})`, text)
  await page.keyboard.press('Enter')
}

/** Writes a value into the field that has the focus. */
async function write(page, name, value) {
  const at = await page.evaluate(() => ({ type: document.activeElement.type, checked: document.activeElement.checked }))
  if (at.type === 'checkbox') {
    if (at.checked !== value) await page.keyboard.press('Space')
  } else if (at.type === 'select-one') {
    const now = () => page.evaluate(() => document.activeElement.value)
    await page.keyboard.press('Home')
    for (let down = 0; down < 30 && (await now()) !== value; down += 1) await page.keyboard.press('ArrowDown')
    assert.equal(await now(), value, `${name} does not offer ${value}`)
  } else {
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Delete')
    await page.keyboard.type(value)
  }
}

/** Fills the form that is sent to `action`, and sends it with its button. Fields come in their order on the page. */
export async function fill(page, action, fields, button) {
  const form = `form[action="${action}"]`
  for (const [name, value] of Object.entries(fields)) {
    await tabTo(page, `${form} [name="${name}"]`)
    assert.ok(await page.evaluate(() => document.activeElement.labels?.length > 0), `${name} has no label`)
    await write(page, name, value)
  }
  await tabTo(page, `${form} .submit button`, button)
  await page.keyboard.press('Enter')
}

/** Sends a form with `send`, and waits for the page that comes. Returns the status of the answer. */
export async function sent(page, send) {
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.waitForEvent('load'),
    send()
  ])
  return answer.status()
}
