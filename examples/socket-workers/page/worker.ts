/** A worker in a page, bundled for browsers: it draws charts, for which a server has no canvas. */
import workers from '@lovage/broker-socketio/workers'

interface Chart {
  readonly title: string
  readonly values: readonly number[]
}

const input = {
  type: 'object',
  properties: { title: { type: 'string' }, values: { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 1 } },
  required: ['title', 'values'],
}
const width = 320
const height = 200

function tell(line: string): void {
  const item = document.createElement('li')
  item.textContent = line
  document.querySelector('ol')?.append(item)
}

/** Bars on a canvas; gives a PNG as a data URL. */
function draw({ title, values }: Chart): string {
  const canvas = Object.assign(document.createElement('canvas'), { width, height })
  const pen = canvas.getContext('2d')
  if (pen === null) throw new Error('this browser has no canvas')
  const bar = width / values.length
  const highest = Math.max(...values, 1)
  pen.fillStyle = 'steelblue'
  for (const [index, value] of values.entries()) {
    const high = (value / highest) * (height - 20)
    pen.fillRect(index * bar, height - high, bar - 4, high)
  }
  pen.fillStyle = 'black'
  pen.fillText(title, 4, 12)
  return canvas.toDataURL()
}

workers.Item<Chart>({
  id: 'chart',
  host: location.origin,
  input,
  onConnect: () => tell('registered'),
  onDisconnect: (reason) => tell(`disconnected: ${reason}`),
  onError: (message) => tell(`error: ${message}`),
  onTask(properties, resolve, reject) {
    try {
      resolve(draw(properties))
      tell(`drew ${properties.title}`)
    } catch (error) {
      reject(String(error))
    }
  },
})
