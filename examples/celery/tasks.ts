/** The TypeScript half of the shop: the task that has moved, under the name and with the parameters that it had in Python. */
import { defineTask } from 'lovage'

/** Python sees it under this name, with a traceback. */
class UnknownCustomer extends Error {
  override name = 'UnknownCustomer'
}

const thanks: Readonly<Record<string, string>> = { en: 'Thank you', de: 'Danke' }

export const receipt = defineTask({
  name: 'mails.receipt',
  queue: 'mails',
  params: ['cents', 'customer', 'lang'],
  // Celery tries again only where it is told to.
  retry: { limit: 0 },
  run({ cents, customer, lang = 'en' }: { cents: number; customer: string; lang?: string }) {
    if (!customer.includes('@')) throw new UnknownCustomer(`expected an address, got: ${customer}`)
    return `${thanks[lang] ?? thanks.en}, ${customer}: ${(cents / 100).toFixed(2)} EUR`
  },
})
