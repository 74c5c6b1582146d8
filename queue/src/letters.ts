/** Announcements that are gathered, to be published with a transaction that is not this queue's. */
import type { ChannelMessage, Signal } from '@lovage/core'

/** Everything is taken as heard: who begins to listen before the commit would neither see the tasks nor hear of them. */
export class Letters implements Pick<Signal, 'publish' | 'heard'> {
  readonly #all: ChannelMessage[] = []

  get all(): readonly ChannelMessage[] {
    return this.#all
  }

  heard(): boolean {
    return true
  }

  publish(channel: string, message: string): void {
    this.#all.push({ channel, message })
  }
}
