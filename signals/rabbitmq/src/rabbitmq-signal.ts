/** The RabbitMQ signal: one connection, on which messages, hints, news and the dead-man's switch live. */
import type { LinkedSignal, Liveness } from '@lovage/core'
import { BrokerLink } from './broker-link.ts'
import { inTime } from './in-time.ts'
import { Names } from './names.ts'
import { answerMs } from './own-channel.ts'
import { RabbitmqHints } from './rabbitmq-hints.ts'
import { RabbitmqLiveness } from './rabbitmq-liveness.ts'
import { RabbitmqNews } from './rabbitmq-news.ts'
import { type RabbitmqOptions, rabbitmqSettings } from './rabbitmq-options.ts'
import { RabbitmqPubsub } from './rabbitmq-pubsub.ts'

export interface RabbitmqSignal {
  /**
   * Beside the port's promises: while the broker is away nothing arrives, and `subscribe` resolves all the same. `heard` may be
   * false for a moment after somebody in another process has subscribed.
   */
  readonly signal: LinkedSignal
  readonly liveness: Liveness
  /** Writes what waits and closes everything. May be called twice. */
  close(): Promise<void>
}

/**
 * Connects to a broker. One that is not there is no failure: `onTrouble` hears of it, and it is tried again for ever. An idle
 * connection does not keep a process alive.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID, DURATION_INVALID
 */
export async function rabbitmqSignal(url: string, options?: RabbitmqOptions): Promise<RabbitmqSignal> {
  const settings = rabbitmqSettings(url, options)
  const names = new Names(settings.prefix)
  const link = new BrokerLink(settings)
  const pubsub = new RabbitmqPubsub(link, names)
  const hints = new RabbitmqHints(link, names, settings.clock)
  const news = settings.events ? new RabbitmqNews(link, names) : undefined
  const liveness = new RabbitmqLiveness(link, names, settings)
  // In this order they move to a new connection: whoever is found alive can be reached.
  for (const lodger of [liveness, pubsub, hints, ...(news === undefined ? [] : [news])]) await link.lodge(lodger)
  await link.start()
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const closed = () => Promise.all([pubsub.close(), hints.close(), news?.close(), liveness.close()])
    // A broker that does not answer gets what it has read.
    await link.awake(() => inTime(closed(), answerMs).catch(() => {}))
    await link.close()
  }
  const closeOnce = (): Promise<void> => (closing ??= close())
  const signal: LinkedSignal = {
    link,
    hints,
    news,
    publish: (channel, message) => pubsub.publish(channel, message),
    subscribe: (channel, listener) => pubsub.subscribe(channel, listener),
    heard: (channel) => pubsub.heard(channel),
    onBack: (listener) => link.onChange((isUp) => isUp && listener()),
    close: closeOnce,
  }
  return { signal, liveness: { ...livenessPort(liveness), close: closeOnce }, close: closeOnce }
}

/** A class's methods live on its prototype, where a spread does not find them. */
function livenessPort(liveness: RabbitmqLiveness): Omit<Liveness, 'close'> {
  return {
    hold: (worker, id) => liveness.hold(worker, id),
    watch: (onLost) => liveness.watch(onLost),
    lost: (holders) => liveness.lost(holders),
  }
}
