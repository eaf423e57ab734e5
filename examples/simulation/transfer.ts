/**
 * Two actors on different nodes: an account, and a teller that pays into it out of a till, one unit at a time. Money moves;
 * it is never made, and never lost.
 */
import { actor, at, CallTimeoutError, ExitError } from '../../src/index.ts';

export const START = 5;

/** What a teller needs of an account. */
interface Deposits {
  deposit(amount: number, payment: string): number;
}

/** Takes every deposit that comes. */
export const HastyAccount = actor('account', () => {
  let balance = 0;
  return {
    balance: () => balance,
    deposit: (amount: number, _payment: string) => (balance += amount),
  };
});

/** Takes every payment once. */
export const CarefulAccount = actor('account', () => {
  const payments = new Map<string, number>();
  const balance = () => [...payments.values()].reduce((sum, amount) => sum + amount, 0);
  return {
    balance,
    deposit: (amount: number, payment: string) => {
      payments.set(payment, amount);
      return balance();
    },
  };
});

/** Pays until the till is empty, and tries again what it had no answer to. */
export const Teller = actor('teller', (self, bank: string) => {
  let till = START;
  const account = at<Deposits>(bank, 'account');
  self.onMessage(async () => {
    try {
      await self.call(account, 'deposit', 1, `payment ${till}`);
      till -= 1;
    } catch (error) {
      // The network, not the account.
      if (!(error instanceof CallTimeoutError || error instanceof ExitError)) throw error;
    }
    if (till > 0) self.sendAfter(500, 'pay');
  });
  self.sendAfter(500, 'pay');
  return { till: () => till };
});
