/** The task that the workers of the example run. */
import { defineTask } from 'lovage'

export const resize = defineTask({
  name: 'images.resize',
  queue: 'images',
  run: ({ url, width }: { url: string; width: number }) => `${url} at ${width}`,
})
