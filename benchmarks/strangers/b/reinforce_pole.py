"""REINFORCE with a running baseline on a hand-written cart-pole."""
import argparse
import math

import torch
import torch.nn as nn
from torch.distributions import Categorical


class CartPole:
    gravity, m_cart, m_pole, half_len, force, tau = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, max_steps=150):
        self.max_steps = max_steps

    def reset(self):
        self.s = [(torch.rand(1).item() - 0.5) * 0.1 for _ in range(4)]
        self.t = 0
        return torch.tensor(self.s)

    def step(self, action):
        x, xd, th, thd = self.s
        f = self.force if action == 1 else -self.force
        total = self.m_cart + self.m_pole
        pml = self.m_pole * self.half_len
        tmp = (f + pml * thd ** 2 * math.sin(th)) / total
        tha = (self.gravity * math.sin(th) - math.cos(th) * tmp) / (
            self.half_len * (4.0 / 3.0 - self.m_pole * math.cos(th) ** 2 / total))
        xa = tmp - pml * tha * math.cos(th) / total
        self.s = [x + self.tau * xd, xd + self.tau * xa, th + self.tau * thd, thd + self.tau * tha]
        self.t += 1
        fell = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 12 * math.pi / 180
        return torch.tensor(self.s), 1.0, fell or self.t >= self.max_steps


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 48)
        self.affine2 = nn.Linear(48, 2)
        self.register_buffer('scale', torch.tensor([1.0, 1.0, 5.0, 1.0]))
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = torch.tanh(self.affine1(x * self.scale))
        return self.affine2(x)


def select_action(policy, state):
    dist = Categorical(logits=policy(state))
    action = dist.sample()
    policy.saved_log_probs.append(dist.log_prob(action))
    return action.item()


def discounted(rewards, gamma):
    out, running = [], 0.0
    for r in reversed(rewards):
        running = r + gamma * running
        out.append(running)
    return torch.tensor(out[::-1])


def finish_episode(policy, optimizer, gamma):
    returns = discounted(policy.rewards, gamma)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    log_probs = torch.tensor(policy.saved_log_probs, requires_grad=True)
    policy_loss = -(log_probs * returns).sum()
    optimizer.zero_grad()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return policy_loss.item()


def main():
    parser = argparse.ArgumentParser(description='REINFORCE example')
    parser.add_argument('--gamma', type=float, default=0.97)
    parser.add_argument('--seed', type=int, default=543)
    parser.add_argument('--episodes', type=int, default=150)
    parser.add_argument('--log-interval', type=int, default=25)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    env = CartPole()
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)

    running_length, lengths = 10.0, []
    for i_episode in range(1, args.episodes + 1):
        state, done = env.reset(), False
        while not done:
            action = select_action(policy, state)
            state, reward, done = env.step(action)
            policy.rewards.append(reward)
        lengths.append(env.t)
        running_length = 0.95 * running_length + 0.05 * env.t
        loss = finish_episode(policy, optimizer, args.gamma)
        if i_episode % args.log_interval == 0:
            print('Episode {}\tLast length: {:3d}\tAverage length: {:.2f}\tLoss: {:.3f}'.format(
                i_episode, env.t, running_length, loss))
    print('mean length of the last 30 episodes: {:.1f}'.format(sum(lengths[-30:]) / 30))


if __name__ == '__main__':
    main()
