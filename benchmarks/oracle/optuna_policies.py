"""Optuna's pruners on the recorded table: a trial is a model trained on all of the data, a step is an epoch."""

import optuna
from policies import Policy
from truth import Choice, Session

optuna.logging.set_verbosity(optuna.logging.ERROR)
optuna.logging.disable_default_handler()


def pruned(pruner: type[optuna.pruners.BasePruner]) -> Policy:
    """Every model is tried once, in the order that was drawn; the pruner has the settings that Optuna gives it."""

    def choose(session: Session) -> Choice:
        seed = int(session.random.integers(1 << 31))
        sampler = optuna.samplers.GridSampler({"model": list(session.models)}, seed=seed)
        study = optuna.create_study(direction="maximize", pruner=pruner(), sampler=sampler)
        study.optimize(lambda trial: _try(trial, session), n_trials=len(session.models))
        seen = [trial for trial in study.trials if trial.intermediate_values]
        whole = [trial for trial in seen if trial.state is optuna.trial.TrialState.COMPLETE]
        if not seen:
            return Choice(model=session.models[0])
        return Choice(model=max(whole or seen, key=lambda t: t.value if t.value is not None else 0.0).params["model"])

    return choose


def _try(trial: optuna.Trial, session: Session) -> float:
    epochs = session.look(trial.suggest_categorical("model", list(session.models))).epochs
    before, best = 0.0, 0.0
    for step, (accuracy, seconds) in enumerate(epochs, start=1):
        if not session.pay(seconds - before):
            trial.study.stop()
            raise optuna.TrialPruned
        before, best = seconds, max(best, accuracy)
        trial.report(accuracy, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return best


POLICIES: dict[str, Policy] = {
    "Optuna, successive halving": pruned(optuna.pruners.SuccessiveHalvingPruner),
    "Optuna, Hyperband": pruned(optuna.pruners.HyperbandPruner),
}
