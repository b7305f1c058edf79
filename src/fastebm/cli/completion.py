"""Completion for bash, zsh and fish: scripts made of the parser, so that they know what it knows."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "fish")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for one of `SHELLS`.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        With subcommands.
    shell : {"bash", "zsh", "fish"}
    """
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands(parser))


def commands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, list[argparse.Action]]]:
    """What the parser offers: {command: (what it does, its options and arguments)}."""
    (choice,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    said = {action.dest: action.help or "" for action in choice._choices_actions}
    return {name: (said.get(name, ""), command._actions) for name, command in choice.choices.items()}


def _words(action) -> str:
    return " ".join(map(str, action.choices)) if action.choices else ""


def _bash(offered) -> str:
    cases, options, positional = [], [], []
    for name, (_, actions) in offered.items():
        flags = " ".join(flag for action in actions for flag in action.option_strings)
        options.append(f'        {name}) words="{flags}" ;;')
        for action in actions:
            if action.choices and action.option_strings:
                known = "|".join(f'"{name} {flag}"' for flag in action.option_strings)
                cases.append(f'        {known}) words="{_words(action)}" ;;')
            elif action.choices:
                positional.append(f'        {name}) words="{_words(action)}" ;;')
    lines = [
        "# bash completion of fastebm: source <(fastebm completion bash)",
        "_fastebm() {",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=""',
        "    COMPREPLY=()",
        '    case "${COMP_WORDS[1]} $prev" in',
        *cases,
        "    esac",
        '    if [ "$COMP_CWORD" = 1 ]; then',
        f'        words="{" ".join(offered)} --help --version"',
        '    elif [ -z "$words" ] && [[ "$cur" == -* ]]; then',
        '        case "${COMP_WORDS[1]}" in',
        *["    " + line for line in options],
        "        esac",
        '    elif [ -z "$words" ]; then',
        '        case "${COMP_WORDS[1]}" in',
        *["    " + line for line in positional],
        "        esac",
        "    fi",
        '    [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        # Where nothing is known: names of files.
        "complete -o default -F _fastebm fastebm",
    ]
    return "\n".join(lines) + "\n"


def _zsh(offered) -> str:
    def quoted(text):
        return (
            text.replace("'", "'\\''")
            .replace("[", "\\[")
            .replace("]", "\\]")
            .replace(":", "\\:")
            .replace("%%", "%")
        )

    lines = [
        "#compdef fastebm",
        "# zsh completion of fastebm: source <(fastebm completion zsh)",
        "_fastebm() {",
        "  local context state line",
        "  local -a commands=(",
        *[f"    '{name}:{quoted(said)}'" for name, (said, _) in offered.items()],
        "  )",
        "  _arguments -C '1:command:->command' '*::argument:->argument'",
        "  case $state in",
        "    command) _describe command commands ;;",
        "    argument) case $line[1] in",
    ]
    for name, (_, actions) in offered.items():
        lines.append(f"      {name}) _arguments \\")
        for action in actions:
            values = f"({_words(action)})" if action.choices else "_files"
            if not action.option_strings:
                lines.append(f"        ':{action.dest}:{values}' \\")
            for flag in action.option_strings:
                more = "" if action.nargs == 0 else f":{action.dest}:{values}"
                lines.append(f"        '{flag}[{quoted(action.help or '')}]{more}' \\")
        lines.append("        ;;")
    lines += [
        "    esac ;;",
        "  esac",
        "}",
        'if [ "$funcstack[1]" = _fastebm ]; then _fastebm "$@"; else compdef _fastebm fastebm; fi',
    ]
    return "\n".join(lines) + "\n"


def _fish(offered) -> str:
    def quoted(text):
        return text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%")

    lines = ["# fish completion of fastebm: fastebm completion fish | source"]
    for name, (said, _) in offered.items():
        lines.append(f"complete -c fastebm -n __fish_use_subcommand -f -a {name} -d '{quoted(said)}'")
    for name, (_, actions) in offered.items():
        for action in actions:
            line = f"complete -c fastebm -n '__fish_seen_subcommand_from {name}'"
            if not action.option_strings:
                if action.choices:
                    lines.append(f"{line} -f -a '{_words(action)}'")
                continue
            for flag in action.option_strings:
                line += f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}"
            if action.choices:
                line += f" -x -a '{_words(action)}'"
            elif action.nargs != 0:
                line += " -r"
            lines.append(f"{line} -d '{quoted(action.help or '')}'")
    return "\n".join(lines) + "\n"
