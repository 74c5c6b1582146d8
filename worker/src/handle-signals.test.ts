import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { handleSignals } from './handle-signals.ts'

function setup() {
  const source = new EventEmitter()
  const stops: string[] = []
  const release = handleSignals({ stop: async (options) => void stops.push(options?.cold === true ? 'cold' : 'warm') }, source)
  return { source, stops, release }
}

describe('signals', () => {
  it('stop warm on SIGTERM and SIGHUP however often, and on the first SIGINT; cold on the second', () => {
    const { source, stops } = setup()
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGHUP', 'SIGINT', 'SIGINT']) source.emit(signal)
    expect(stops).toEqual(['warm', 'warm', 'warm', 'warm', 'cold'])
  })

  it('stop cold on SIGQUIT, and are let go', () => {
    const { source, stops, release } = setup()
    source.emit('SIGQUIT')
    release()
    expect(source.eventNames()).toEqual([])
    expect(stops).toEqual(['cold'])
  })
})
