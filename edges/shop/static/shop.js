// The shop works without this script. It follows what is under way: only the content is replaced, and only if it changed.
'use strict'

async function follow() {
  let pause = Number(document.body.dataset.again) * 1000
  while (pause && document.body.dataset.again) {
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? pause * 5 : pause))
    try {
      const answer = await fetch(location.href, { credentials: 'same-origin' })
      if (!answer.ok) throw new Error(answer.statusText)
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const [old, fresh] = [document.querySelector('main'), next.querySelector('main')]
      if (old && fresh && old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML
      document.title = next.title
      if (!next.body.dataset.again) delete document.body.dataset.again
    } catch { pause = Math.min(pause * 2, 30000) }
  }
}
follow()
