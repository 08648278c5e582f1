"""rhd.workflow.redaction.commands: passwords that are arguments; options that only look alike are left."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction.commands import find_command_passwords

PASSWORD = "f3Kq9" + "ZxT7mB2w"


@pytest.mark.parametrize(
    "command",
    ["curl -u ci:{} https://example.com", "curl -s --user 'ci:{}' x", "wget --user=ci:{}", "mysql -u root -p{} shop",
     "mysqldump --opt -p'{}' shop", "mariadb-dump -p{}", "sshpass -p {} ssh db", "docker login -u ci -p {} registry",
     "redis-cli -h cache -a {} ping", "echo {} | sudo -S reboot", "echo '{}' | sudo -S reboot"],
)  # fmt: skip
def test_a_password_on_a_command_line_is_found(command: str) -> None:
    text = command.format(PASSWORD)
    assert [text[each.start : each.end] for each in find_command_passwords(text)] == [PASSWORD]


@pytest.mark.parametrize(
    "command",
    ["git push -u origin main:release-2026", "docker run -u 1000:1000 app", "mysql -u root -p shop", "mysql -p",
     "curl -u $USER:$PASSWORD x", "curl -u user:password x", "curl -u <user>:<password> x", "sshpass -p $PASS ssh db",
     "docker login -p ${TOKEN}", "redis-cli -a <password> ping", "echo yes | sudo -S true", "rsync -u host:/srv/a .",
     "chown --user me:developers", "docker run -p 8080:8080 login", "echo $PASSWORD | sudo -S true"],
)  # fmt: skip
def test_what_is_no_password_is_left(command: str) -> None:
    assert list(find_command_passwords(command)) == []
