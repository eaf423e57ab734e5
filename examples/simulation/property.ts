/** What must be true of the two actors whatever the network does, as a property for fast-check. */
import fc from 'fast-check';
import { at, hosts, type Node } from '../../src/index.ts';
import { checkConvergence, faultPlan, type SimCluster } from '../../src/testing/index.ts';
import { type CarefulAccount, type HastyAccount, START, Teller } from './transfer.ts';

type Account = typeof HastyAccount | typeof CarefulAccount;

/** After any faults of the network, and then peace, all money is on the account: no less, and no more. */
export function moneyIsKept(account: Account) {
  // Actors that crash lose what they know, and these keep nothing on a disk: faults of the network only.
  const plans = faultPlan({
    nodes: 2,
    steps: [1, 8],
    faults: ['partition', 'partitionOneWay', 'hold', 'reset', 'heal'],
    restMs: 20_000,
    weather: false,
  });
  return fc.asyncProperty(plans, async (plan) => {
    const [bank, shop] = plan.nodes as [string, string];
    await checkConvergence(plan, {
      node: { netTickTime: 8_000, discovery: hosts([bank]) },
      started: (node) => {
        if (node.name === bank) node.spawn(account, [], { name: 'account' });
        else node.spawn(Teller, [bank], { name: 'teller' });
      },
      // The property itself: once the faults are over, everything is paid, once.
      finally: async (cluster) => {
        await cluster.advance(60_000);
        const money = await count(cluster, cluster.node(bank), cluster.node(shop));
        if (money.till !== 0 || money.balance !== START)
          throw new Error(
            `of ${START} there are ${money.balance} on the account and ${money.till} in the till`,
          );
      },
    });
  });
}

async function count(
  cluster: SimCluster,
  bank: Node,
  shop: Node,
): Promise<{ till: number; balance: number }> {
  const [till, balance] = await cluster.run(
    Promise.all([
      shop.call(at<typeof Teller>(shop.name, 'teller'), 'till'),
      bank.call(at<typeof HastyAccount>(bank.name, 'account'), 'balance'),
    ]),
  );
  return { till, balance };
}
