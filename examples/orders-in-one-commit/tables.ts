/** The shop's own tables beside those of the queue, and the trigger that sends what is paid on its way. */
import type { ClientBase } from 'pg'

/** Makes what is missing. The trigger calls `lovage.send`, so the queue's tables come first: `connect` makes them. */
export async function makeTables(sql: ClientBase): Promise<void> {
  await sql.query(`
    create table if not exists stock (item text primary key, left_over integer not null check (left_over >= 0));
    create table if not exists orders (id text primary key, item text not null references stock, state text not null);
    create table if not exists payment (order_id text not null references orders, amount integer not null);
    create table if not exists parcel (order_id text primary key references orders);

    create or replace function send_on_its_way() returns trigger language plpgsql as $$
    begin
      perform lovage.send('shop.ship', jsonb_build_object('order', new.id), jsonb_build_object('key', new.id));
      return new;
    end $$;
    create or replace trigger paid after update on orders
      for each row when (new.state = 'paid' and old.state <> 'paid') execute function send_on_its_way();
  `)
}
