/** The Celery broker: a full member of a Celery cluster on RabbitMQ or Redis. */
export type { CeleryBrokerOptions } from './broker-options.ts'
export * from './canvas/index.ts'
export { type CeleryBroker, createCeleryBroker } from './celery-broker.ts'
export type { CelerySettingsInput } from './settings/celery-settings.ts'
export type { AnnotationSetting, QueueSetting, RouteSetting } from './settings/queue-setting.ts'
