# %% [markdown]
# # エネルギーベースモデルを一から
#
# モデルは、確率を一度も計算しなくても、データがどこにありそうかを表せます。すべての点に *エネルギー* を割り当て、データのあるところでは
# 低く、ないところでは高くします。あとは次の式がすべてです。
#
# $$p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \int e^{-E(x)}\,dx$$
#
# 前半では、教材ノートブックと同じ関数を使って、1 次元ですべてを手で動かします。後半では、コンパイル済みのライブラリで同じことをし、
# 図を描き、何が失敗しうるかを見ます。全体で 10 秒ほどで動きます。

# %%
import random
import warnings

import numpy as np

import fastebm as fe
from fastebm import plotting
from fastebm.notebook import *

# %% [markdown]
# ## 1. 手で動かす
#
# ### データ
#
# 重みも幅も違う 2 つの山です。約 55 % の点が -2 のまわりに、残りが 1.8 のまわりにあります。真の分布がわかっているので、何を学んでも
# それと比べられます。

# %%
random.seed(31)
data = sample_real(2400)
describe(data)

# %% [markdown]
# ### 2 つの井戸をもつエネルギー
#
# 井戸はそれぞれ放物線 $e_j(x) = a_j (x - m_j)^2 + k_j$ です。$m$ は位置、$a = e^{\text{raw}_a}$ は狭さ、$k$ は深さを決めます。
# エネルギーは 2 つをなめらかにつないだ最小値 $E = -\log(e^{-e_1} + e^{-e_2}) + c$ で、theta は 7 個の数になります。ノートブックでは、
# エネルギーはそれが表す密度とともに表示されます。

# %%
theta_demo = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]
for x in (-2.0, -0.2, 1.5):
    energy, slope, by_theta = energy_and_grads(x, theta_demo)
    print(f"x = {x:4.1f}   E = {energy:.4f}   dE/dx = {slope:+.4f}   dE/dk1 = {by_theta[2]:.4f}")

fe.WellMixture(theta=theta_demo)

# %% [markdown]
# ### Langevin ステップによるサンプル
#
# 連鎖は坂を下りながら揺すられます：$x \leftarrow x - h\,E'(x) + s\,\xi$、$\xi \sim N(0, 1)$。傾きが井戸へ引き込み、ノイズが止まるのを
# 防ぎます。適当な場所から 8 本を始めます。

# %%
random.seed(1)
starts = [random.uniform(-4, 4) for _ in range(8)]
ends = sgld_samples(theta_demo, starts, n_steps=30)
print("start", [round(x, 2) for x in starts])
print("end  ", [round(x, 2) for x in ends])

# %% [markdown]
# コンパイル済みの同じサンプラーに `thin` を渡すと、通った道を覚えています。`plot_paths` はそれを密度の上に描きます。

# %%
run = fe.SGLD(0.06, noise_std=0.08).run(fe.WellMixture(theta=theta_demo), starts, 60, seed=1, thin=1)
plotting.plot_paths(run, n_paths=8);
# %% [markdown]
# ### 学習：こちらでは下げ、あちらでは上げる
#
# 対数尤度の勾配は、2 つの平均の差です。連鎖の上での $\partial E / \partial\theta$ の平均から、データの上での平均を引いたものです。
# 学習の 1 歩は、データのある場所のエネルギーを下げ、モデル自身のサンプルがある場所のエネルギーを上げます。両者が一致すれば、もう何も
# 動きません。$Z$ は要りません。前の更新の連鎖は蓄えておき、続きから動かします。毎回、井戸を探し直さずにすみます。
#
# 下で警告が 1 つ出ます。これも話の一部です。

# %%
random.seed(31)
theta, history, store = train_ebm([0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0], data)
for step, e_data, e_chains, gap, _, size in history:
    print(f"step {step:3d}   data {e_data:7.4f}   chains {e_chains:7.4f}   gap {gap:+.4f}   store {size:,}")

# %% [markdown]
# ### うまくいったか
#
# 平均、標準偏差、左右の割合は、データのものとほぼ同じです。

# %%
random.seed(31)
shown = draw_model_samples(theta)
{name: (round(describe(data)[name], 3), round(describe(shown)[name], 3)) for name in ("mean", "std", "left")}

# %% [markdown]
# 1 次元なら $Z$ は簡単な積分なので、密度そのものを、データや真の分布と並べて見られます。

# %%
z = approx_partition(theta)
print(
    f"Z = {z:.4f}; density at -2: {approx_density(theta, -2.0, z):.4f}, at 0: {approx_density(theta, 0.0, z):.4f}"
)

from fastebm.datasets import two_normals_truth

truth = two_normals_truth()
plotting.plot_density(fe.WellMixture(theta=theta), data, reference=truth);
# %% [markdown]
# これはデータの密度ではありません。井戸が広すぎます。それでもサンプルがよく見えたのは、サンプラーがほぼ同じだけ狭くしてしまうからです。
# 刻み幅 $h$、ノイズ $s$ のステップは温度 $T = s^2 / 2h$ をもちます。1 であるべきところが 0.066 です。冷たい連鎖は井戸の底に固まるので、
# その連鎖がデータと同じくらい散らばるまで、学習は井戸を広げ続けます。2 つの誤りが互いを隠し、サンプルだけを見る確認は通ってしまいます。

# %%
from fastebm.revisited import divergence, draw_budget

print(
    f"temperature {0.085**2 / (2 * 0.055):.3f}; distance from the truth {divergence(fe.WellMixture(theta=theta)):.3f} nats"
)
draw_budget()

# %% [markdown]
# ## 2. コンパイル済みの道具で
#
# 既定のレシピの学習器です。連鎖は捨てず、動きには採否の判定があり（刻み幅による偏りがなくなります）、更新ごとに 1 回、井戸の間を跳び、
# 最後に後半の theta を平均します。

# %%
trainer = fe.ContrastiveDivergence(fe.WellMixture())
result = trainer.fit(data, seed=3)
result

# %% [markdown]
# 緑は、どの検査にも引っかからなかったという意味です。真の分布との距離は、2,400 点で届く最良の値とほぼ同じになりました。

# %%
from fastebm.revisited import best

print(f"trained {divergence(result.energy):.4f} nats, maximum likelihood {divergence(best()):.4f} nats")
plotting.plot_density(result.energy, data, reference=truth);
# %% [markdown]
# ### 学習の図
#
# 2 つの相は最適点で出会います。パラメータは落ち着き、点が返される値です。

# %%
plotting.plot_phases(result)
plotting.plot_parameters(result);
# %% [markdown]
# ### log Z と、学習に使わない行での評価
#
# `log_partition` は、値をどう求めたか、どこまで信じてよいかも答えます。`certificate` は、学習に使わなかった行の平均対数尤度を、
# 上下の端で挟みます。

# %%
fresh = truth.exact_sample(500, seed=5)
result.certificate(fresh)

# %% [markdown]
# ## 3. 何が失敗し、どう知らされるか
#
# ノートブック自身のレシピを、コンパイル済みの学習器で動かします。第 1 部で表示された数に、怪しいものはありませんでした。検査は、何が悪いか、
# 限度をどれだけ超えているか、何を変えればよいかを挙げます。

# %%
with warnings.catch_warnings():
    # いちばん重いものは Python の警告にもなる。
    warnings.simplefilter("ignore", fe.FastEBMWarning)
    cold = fe.ContrastiveDivergence.notebook().fit(data, seed=3)
fe.diagnose(cold, data)

# %% [markdown]
# Langevin のステップが少なすぎる場合：使われるときに連鎖がまだ着いていないので、違う場所のエネルギーが押し上げられます。5 ステップでは、
# モデルのサンプルの散らばりは、あるべき大きさの半分ほどしかありません。

# %%
for steps in (5, 35):
    print(steps, {name: round(value, 3) for name, value in quick_train_with_sgld_steps(data, steps).items()})

# %% [markdown]
# ### 止めても、そこまでの結果は残る
#
# 動いている途中でカーネルを中断しても、何も失われません。例外がそこまでの結果をもち、学習器も `last_result` に残します。ここでは
# ノートブックが自動で動くように、コールバックから中断します。


# %%
def stop(state):
    if state.update == 100:
        raise KeyboardInterrupt


try:
    trainer.fit(data, seed=3, callback=stop)
except fe.TrainingInterrupted as error:
    print(
        f"{len(error.result.history)} updates kept; the trainer has them too: {trainer.last_result is error.result}"
    )

# %% [markdown]
# サンプラーも同じです。`SamplingInterrupted` がもつ結果の `state` から続けると、止めなかった場合と 1 バイトも違わない結果になります。
#
# ## 4. 自分の表で
#
# 2 列を、もとの単位のまま渡します。`fit_wells` は標準化し、いくつかの場所から始め、検査し、表の単位で答えます。

# %%
from fastebm.datasets import load_old_faithful

table = load_old_faithful()
fit = fe.fit_wells(table, n_wells=2, covariance="full", seed=1, names=("eruption (min)", "waiting (min)"))
fit

# %%
plotting.plot_landscape(fit.energy_, table, labels=fit.names);
# %% [markdown]
# エネルギーは学習したものでなくてもかまいません。どんな式からでもサンプルがとれます。`sample` はサンプラーを選んで調整し、連鎖どうしが
# 一致したかどうかを答えます。

# %%
draws = fe.sample(fe.MuellerBrown(), 1000, seed=1)
draws

# %%
plotting.plot_paths(draws, n_paths=3);

# %% [markdown]
# ## この先
#
# - ドキュメントの「ノートブック再訪」：第 1 部の図の一つ一つに理由をつけています。関数は `fastebm.revisited` にあります。
# - 「当てはめを信じてよいとき」（英語）：それぞれの検査と、限度と、直し方。
# - 「ネットワーク」（英語）：式のないエネルギーを、同じように学習します。
